#!lua
-- The line above has a full Redis refuse this as a whole: a script that has begun to write may go on writing.
-- Adds an attempt unless there are as many live ones as there may be.
-- KEYS: live, attempt, browser, runners.
-- ARGV: now, most, id, ends, created, kept for, record, version, runner ('' where nothing runs).
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[2], 'v', ARGV[8], 'r', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
if ARGV[9] ~= '' then
  redis.call('HSET', KEYS[2], 'p', ARGV[9])
  redis.call('SADD', KEYS[4], ARGV[9])
  redis.call('SADD', KEYS[4] .. ':' .. ARGV[9], ARGV[3])
end
return 1
