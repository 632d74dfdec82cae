#!lua
-- The line above has a full Redis refuse this as a whole: a script that has begun to write may go on writing.
-- Counts one event, or says in how many milliseconds there is room for it; -1: counted.
-- KEYS: events. ARGV: limit, window in milliseconds.
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local window = tonumber(ARGV[2]) * 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', micros - window))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.ceil((tonumber(oldest[2]) + window - micros) / 1000)
end
local text = string.format('%.0f', micros)
-- Two events of one microsecond are two.
while redis.call('ZADD', KEYS[1], 'NX', text, text) == 0 do
  micros = micros + 1
  text = string.format('%.0f', micros)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return -1
