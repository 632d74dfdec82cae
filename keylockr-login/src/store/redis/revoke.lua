-- Remembers that something ended, for those who ask and for those who follow.
-- KEYS: entry, log. ARGV: at, kept for, kind, name.
local before = redis.call('GET', KEYS[1])
if not before or tonumber(before) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
end
local left = redis.call('PTTL', KEYS[1])
if left < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local time = redis.call('TIME')
local oldest = time[1] * 1000 - tonumber(ARGV[2])
redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%.0f', math.max(oldest, 0)), '*',
  'kind', ARGV[3], 'name', ARGV[4], 'at', ARGV[1], 'for', ARGV[2])
return 1
