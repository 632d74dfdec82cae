-- Ends a handle if it is this user's: 0 now, 1 it was gone, 2 it is another's.
-- KEYS: what handles begin with, what users begin with. ARGV: handle, user.
local user = redis.call('GET', KEYS[1] .. ARGV[1])
if not user then
  return 1
end
if user ~= ARGV[2] then
  return 2
end
redis.call('DEL', KEYS[1] .. ARGV[1])
redis.call('ZREM', KEYS[2] .. user, ARGV[1])
return 0
