-- Remembers a delivery, as the last of its user too, and ends the claim if it still holds.
-- KEYS: last, running, seen. ARGV: digest, fence, kept for, a duplicate for, both in milliseconds.
if redis.call('GET', KEYS[2]) == ARGV[2] then
  redis.call('DEL', KEYS[2])
end
redis.call('SET', KEYS[3], '', 'PX', ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
