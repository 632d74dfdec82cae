-- Whether a handle lives; one that does gets its whole life again.
-- KEYS: what handles begin with, what users begin with. ARGV: handle, life in milliseconds.
local user = redis.call('GET', KEYS[1] .. ARGV[1])
if not user then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('PEXPIRE', KEYS[1] .. ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2] .. user, string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
if redis.call('PTTL', KEYS[2] .. user) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[2] .. user, ARGV[2])
end
return 1
