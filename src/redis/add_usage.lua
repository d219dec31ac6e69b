-- Adds usage to the counts of days, once for each batch.
--
-- KEYS: the number of the last batch of this replica; then the counts of each day, a hash.
--
-- ARGV: the number of this batch; the time to remember counts, in ms; the largest number of fields of a day;
-- then for each row the index of its day among KEYS, the caller, and the requests, units, saved units and
-- tokens to add.
--
-- Returns 1, also if the batch was added before. A count that can't be changed is left out, since the batch
-- would be sent again for ever.
local last = redis.pcall('GET', KEYS[1])
if type(last) == 'string' and (tonumber(last) or 0) >= tonumber(ARGV[1]) then
    return 1
end
local names = { 'requests', 'units', 'saved_units', 'tokens' }
local most = tonumber(ARGV[3])
for at = 4, #ARGV, 6 do
    local day, caller = KEYS[tonumber(ARGV[at])], ARGV[at + 1]
    if redis.pcall('HEXISTS', day, caller .. ' requests') == 0 then
        local fields = redis.pcall('HLEN', day)
        if type(fields) == 'number' and fields >= most then
            caller = 'others'
        end
    end
    for index, name in ipairs(names) do
        redis.pcall('HINCRBY', day, caller .. ' ' .. name, ARGV[at + 1 + index])
    end
end
for index = 2, #KEYS do
    redis.call('PEXPIRE', KEYS[index], ARGV[2])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', 86400000)
return 1
