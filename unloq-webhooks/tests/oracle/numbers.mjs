// Writes numbers.tsv: JSON number literals and the text that ECMAScript makes of them, as node sees
// it. Run: node numbers.mjs > numbers.tsv
// The cases are the same every time, so that a changed line is a changed answer.

let state = 0x9e3779b97f4a7c15n;
const mask = (1n << 64n) - 1n;
function next() {
  // splitmix64
  state = (state + 0x9e3779b97f4a7c15n) & mask;
  let mixed = state;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
  return mixed ^ (mixed >> 31n);
}
const below = (limit) => Number(next() % BigInt(limit));
const digits = (count) => {
  let text = String(1 + below(9));
  while (text.length < count) text += String(below(10));
  return text;
};
const view = new DataView(new ArrayBuffer(8));
const double = (bits) => (view.setBigUint64(0, bits), view.getFloat64(0));

const literals = new Set();
const add = (literal) => literals.add(literal);

// By hand: zeros, borders of every form, the ends of the range.
for (const literal of [
  "0", "-0", "0.0", "-0.0", "0e0", "0e5", "-0E-5", "0.000", "1", "-1", "1.0", "1.50", "1E2", "1e+2", "1e-2", "10e-1",
  "100000000000000000000", "1e20", "1e21", "1e22", "999999999999999999999", "1e-6", "1e-7", "0.000001", "0.0000001",
  "123456789012345680000", "1234567890123456800000", "12345678901234567890", "9007199254740991", "9007199254740992",
  "9007199254740993", "9007199254740994.5", "18446744073709551615", "18446744073709551616", "9223372036854775807",
  "5e-324", "2.4703282292062328e-324", "2.4703282292062327e-324", "2.2250738585072014e-308", "2.2250738585072011e-308",
  "1.7976931348623157e308", "1.7976931348623158e308", "0.1", "0.2", "0.3", "0.30000000000000004", "1e23", "8.5e22",
  "-1461205785224690.25", "1461205785224690.25", "733716794377814.25", "-745372040232854.25", "1497062719196810.25",
  "4.35", "0.000035", "123e-20", "123E+20", "5e-7", "4503599627370495.5", "4503599627370497.5",
]) add(literal);
for (let exponent = -330; exponent <= 308; exponent += 1) add(`1e${exponent}`);
for (let power = -1074; power <= 1023; power += 7) add(String(2 ** power));

// Random doubles, written with 17 digits, which name them exactly.
while (literals.size < 2500) {
  const value = double(next());
  if (Number.isFinite(value)) add(value.toExponential(16));
}
// Numbers of everyday size, and literals longer than any double.
while (literals.size < 3500) {
  const sign = below(4) === 0 ? "-" : "";
  switch (below(5)) {
    case 0: add(sign + digits(1 + below(22))); break;
    case 1: add(`${sign}${digits(1 + below(16))}.${digits(1 + below(16))}`); break;
    case 2: add(`${sign}0.${"0".repeat(below(9))}${digits(1 + below(18))}`); break;
    case 3: add(`${sign}${digits(1 + below(4))}e${below(2) ? "-" : "+"}${below(30)}`); break;
    default: add(`${sign}${digits(20 + below(40))}.${digits(20 + below(40))}e-${below(60)}`);
  }
}
// Ties: quarters and eighths of large integers have two shortest candidates that are equally close.
while (literals.size < 6000) {
  const sign = below(4) === 0 ? "-" : "";
  const bits = 46 + below(7);
  const whole = (1n << BigInt(bits)) + (next() & ((1n << BigInt(bits)) - 1n));
  const part = ["25", "75", "5", "125", "375", "625", "875", "0625"][below(8)];
  const value = Number(`${whole}.${part}`);
  add(`${sign}${value.toFixed(6)}`);
}

const lines = [];
for (const literal of literals) {
  const value = JSON.parse(literal);
  if (Number.isFinite(value)) lines.push(`${literal}\t${"" + value}`);
}
process.stdout.write(lines.join("\n") + "\n");
