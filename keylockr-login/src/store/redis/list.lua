-- Lists a session of a person; forgets those that are over, and of too many those not seen for longest.
-- KEYS: sessions. ARGV: handle, entry, browser, now, most.
local key, now, most = KEYS[1], tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('HSET', key, 's:' .. ARGV[1], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('HSET', key, 'b:' .. ARGV[1], ARGV[3])
end
local function forget(handle)
  redis.call('HDEL', key, 's:' .. handle, 'b:' .. handle)
end
local all, live, last = redis.call('HGETALL', key), {}, now
for field = 1, #all, 2 do
  local handle = string.match(all[field], '^s:(.*)$')
  if handle then
    local seen, over = string.match(all[field + 1], '^%d+ (%d+) (%d+) ')
    seen, over = tonumber(seen), tonumber(over)
    if not over or over <= now then
      forget(handle)
    else
      live[#live + 1] = { seen, handle }
      last = math.max(last, over)
    end
  end
end
table.sort(live, function(one, other) return one[1] > other[1] end)
for place = most + 1, #live do
  forget(live[place][2])
end
redis.call('PEXPIRE', key, string.format('%.0f', math.max(last - now, 1)))
