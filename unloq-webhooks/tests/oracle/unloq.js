// Asks the npm package `unloq` about deliveries. Argument: the folder node_modules. Reads a list of
// {secret, path, body, signature}, writes one of {signature, accepts, accepts_changed}.
// The client only verifies; the signature that it compares with is taken from its own call.
const path = require("path");
const crypto = require("crypto");
const unloq = require(path.join(path.resolve(process.argv[2]), "unloq"));

let signature = null;
const createHmac = crypto.createHmac;
crypto.createHmac = function () {
  const hmac = createHmac.apply(crypto, arguments);
  const digest = hmac.digest;
  hmac.digest = function () {
    return (signature = digest.apply(hmac, arguments));
  };
  return hmac;
};

const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = cases.map((one) => {
  // The package keeps its configuration for the process: each call replaces the last one's.
  const auth = new unloq.Auth({ key: "key", secret: one.secret });
  const api = new unloq.Api(auth);
  const params = JSON.parse(one.body);
  signature = null;
  const accepts = api.verifySign(one.signature, one.path, params);
  const made = signature;
  const changed = (one.signature[0] === "A" ? "B" : "A") + one.signature.slice(1);
  return { signature: made, accepts, accepts_changed: api.verifySign(changed, one.path, params) };
});
process.stdout.write(JSON.stringify(answers));
