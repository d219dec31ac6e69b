-- Records a write to an object, the start of an analysis or a refused key, and announces it to all replicas.
--
-- KEYS: the clock; the list of messages.
--
-- ARGV: the kind ('changed', 'doubted', 'begun' or 'refused'); the time to remember it, in ms; the replica's
-- id; then the names of the object (for 'begun' preceded by the name of the analysis), or the hash of the
-- key.
local what, life, replica = table.remove(ARGV, 1), table.remove(ARGV, 1), table.remove(ARGV, 1)
local is_write = what == 'changed' or what == 'doubted'
local all = is_write and all_names(ARGV) or ARGV
local at = announce(what, replica, all)
if what == 'begun' then
    redis.call('SET', PREFIX .. 'changed:' .. ARGV[1], text(at), 'PX', life)
elseif is_write then
    for _, name in ipairs(all) do
        redis.call('SET', PREFIX .. what .. ':' .. name, text(at), 'PX', life)
    end
end
return 1
