-- Stores an answer unless its object was written to since the request, and releases the lease under which it
-- was fetched. Both happen atomically.
--
-- KEYS: the clock; the answer; the lease. ARGV: the lease's token; the time of the request; the answer; its
-- life in ms, 0 to store nothing; the names of the object.
local names = {}
for index = 5, #ARGV do
    names[#names + 1] = ARGV[index]
end
if ARGV[4] ~= '0' and last_write('changed', names) < tonumber(ARGV[2]) then
    redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
if ARGV[1] ~= '' and redis.call('GET', KEYS[3]) == ARGV[1] then
    redis.call('DEL', KEYS[3])
end
return 1
