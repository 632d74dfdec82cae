-- Stores an attempt if the stored version is still the one that was read, and says so to all.
-- KEYS: live, attempt, browser, runners.
-- ARGV: version read, version written, record, id, kept for, ends ('' when over), runner ('' where nothing runs), channel.
if redis.call('HGET', KEYS[2], 'v') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[2], 'v', ARGV[2], 'r', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[1], ARGV[6], ARGV[4])
else
  redis.call('ZREM', KEYS[1], ARGV[4])
end
local runner = redis.call('HGET', KEYS[2], 'p') or ''
if runner ~= ARGV[7] then
  redis.call('HSET', KEYS[2], 'p', ARGV[7])
  if runner ~= '' then
    redis.call('SREM', KEYS[4] .. ':' .. runner, ARGV[4])
  end
  if ARGV[7] ~= '' then
    redis.call('SADD', KEYS[4], ARGV[7])
    redis.call('SADD', KEYS[4] .. ':' .. ARGV[7], ARGV[4])
  end
end
redis.call('PUBLISH', ARGV[8], ARGV[4])
return 1
