-- The records of a browser, oldest first; what is forgotten leaves its list.
-- KEYS: browser. ARGV: what the keys of attempts begin with.
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local record = redis.call('HGET', ARGV[1] .. id, 'r')
  if record then
    found[#found + 1] = record
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return found
