-- Notes a write to an object, or a refused key, and tells it to all replicas.
-- KEYS: the clock; the news. ARGV: what it is ('changed', 'doubted', 'begun', 'refused'); for how many ms to remember it;
-- the replica that tells it; the names of the object, before them that of an analysis that was begun, or that of the key.
local what, life, replica = table.remove(ARGV, 1), table.remove(ARGV, 1), table.remove(ARGV, 1)
local is_write = what == 'changed' or what == 'doubted'
local all = is_write and all_names(ARGV) or ARGV
local at = tell(what, replica, all)
if what == 'begun' then
    redis.call('SET', PREFIX .. 'changed:' .. ARGV[1], text(at), 'PX', life)
elseif is_write then
    for _, name in ipairs(all) do
        redis.call('SET', PREFIX .. what .. ':' .. name, text(at), 'PX', life)
    end
end
return 1
