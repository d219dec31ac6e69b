-- Returns a caller's requests, units, saved units and tokens of each day, one after another, as texts; an
-- empty one where there is no count.
--
-- KEYS: the counts of each day. ARGV: the caller.
local all = {}
for _, day in ipairs(KEYS) do
    for _, name in ipairs({ 'requests', 'units', 'saved_units', 'tokens' }) do
        local count = redis.pcall('HGET', day, ARGV[1] .. ' ' .. name)
        all[#all + 1] = type(count) == 'string' and count or ''
    end
end
return all
