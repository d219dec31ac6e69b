-- KEYS: a lease; the answer that it is for. ARGV: a token; how many ms the lease lasts.
-- Gives whether it is ours now, and if so what is kept by the answer's name.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return { 1, redis.call('GET', KEYS[2]) }
end
return { 0, false }
