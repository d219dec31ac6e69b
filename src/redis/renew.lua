-- KEYS: a lease. ARGV: its token; how many ms it lasts from now on.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
