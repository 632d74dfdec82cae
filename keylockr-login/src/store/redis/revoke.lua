-- Remembers that something ended, for those who ask and for those who follow; answers when. That is
-- not before now: the clock of whoever says so may be behind that of the session's server.
-- KEYS: entry, log. ARGV: at, kept for, kind, name.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = math.max(tonumber(ARGV[1]), now, tonumber(redis.call('GET', KEYS[1]) or 0))
local text = string.format('%.0f', at)
redis.call('SET', KEYS[1], text, 'KEEPTTL')
local left = redis.call('PTTL', KEYS[1])
if left < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local oldest = now - tonumber(ARGV[2])
redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%.0f', math.max(oldest, 0)), '*',
  'kind', ARGV[3], 'name', ARGV[4], 'at', text, 'for', ARGV[2])
return text
