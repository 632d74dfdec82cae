-- Keeps a handle; of too many of a user the one that would end first is over.
-- KEYS: what handles begin with, what users begin with. ARGV: handle, user, life in milliseconds, most.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local theirs = KEYS[2] .. ARGV[2]
redis.call('ZREMRANGEBYSCORE', theirs, '-inf', string.format('%.0f', now))
while redis.call('ZCARD', theirs) >= tonumber(ARGV[4]) do
  local first = redis.call('ZPOPMIN', theirs)
  redis.call('DEL', KEYS[1] .. first[1])
end
redis.call('SET', KEYS[1] .. ARGV[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', theirs, string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
if redis.call('PTTL', theirs) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', theirs, ARGV[3])
end
