-- Keeps an answer, and ends the lease under which it was fetched, in this order and at once.
-- KEYS: the answer; the lease. ARGV: the lease's token; the answer and its life in ms, 0 where there is none to keep.
if ARGV[3] ~= '0' then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if ARGV[1] ~= '' and redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', KEYS[2])
end
return 1
