-- Attempts of processes that do not say that they live, and which; what is forgotten leaves the lists.
-- KEYS: runners. ARGV: most, what the keys of attempts begin with, what the keys of the living begin with.
local found = {}
local most = tonumber(ARGV[1])
for _, runner in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[3] .. runner) == 0 then
    local runs = KEYS[1] .. ':' .. runner
    local left = most - #found / 2
    if redis.call('SCARD', runs) == 0 then
      redis.call('SREM', KEYS[1], runner)
    elseif left > 0 then
      for _, id in ipairs(redis.call('SRANDMEMBER', runs, left)) do
        if redis.call('EXISTS', ARGV[2] .. id) == 1 then
          found[#found + 1] = id
          found[#found + 1] = runner
        else
          redis.call('SREM', runs, id)
        end
      end
    end
  end
end
return found
