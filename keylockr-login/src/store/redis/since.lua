-- Since when this Redis has known what was revoked, in milliseconds since 1970; from now on, where it
-- did not know. KEYS: since.
local since = redis.call('GET', KEYS[1])
if not since then
  local time = redis.call('TIME')
  since = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('SET', KEYS[1], since)
end
return since
