-- Notes that names belong to one object: what was written to one of them was written to all.
-- KEYS: the clock. ARGV: for how many ms to remember it; the names.
local life = table.remove(ARGV, 1)
local all = all_names(ARGV)
for _, what in ipairs({ 'changed', 'doubted' }) do
    local latest = last_write(what, all)
    if latest > 0 then
        for _, name in ipairs(all) do
            redis.call('SET', PREFIX .. what .. ':' .. name, text(latest), 'PX', life)
        end
    end
end
for _, name in ipairs(all) do
    redis.call('DEL', PREFIX .. 'names:' .. name)
    redis.call('SADD', PREFIX .. 'names:' .. name, unpack(all))
    redis.call('PEXPIRE', PREFIX .. 'names:' .. name, life)
end
return 1
