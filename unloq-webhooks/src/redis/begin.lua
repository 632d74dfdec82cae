-- Claims a delivery: 0 fresh, 1 seen before, each with a fence; 2 a duplicate, 3 in somebody's hand.
-- KEYS: last, running, seen. ARGV: digest, lease in milliseconds.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return {2, 0}
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {3, 0}
end
-- A fence is a moment: two of one delivery are a lease apart.
local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
redis.call('SET', KEYS[2], string.format('%.0f', fence), 'PX', ARGV[2])
return {redis.call('EXISTS', KEYS[3]), fence}
