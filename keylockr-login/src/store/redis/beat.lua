-- A process lives for so many milliseconds, or leaves; and what time it is here.
-- KEYS: alive. ARGV: milliseconds.
if ARGV[1] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
end
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
