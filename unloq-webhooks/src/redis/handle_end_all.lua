-- Ends all handles of a user, and says how many there were.
-- KEYS: what handles begin with, what users begin with. ARGV: user.
local ended = 0
for _, handle in ipairs(redis.call('ZRANGE', KEYS[2] .. ARGV[1], 0, -1)) do
  ended = ended + redis.call('DEL', KEYS[1] .. handle)
end
redis.call('DEL', KEYS[2] .. ARGV[1])
return ended
