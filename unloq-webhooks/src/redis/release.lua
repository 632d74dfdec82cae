-- Ends a claim if it still holds. KEYS: running. ARGV: fence.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
