-- Records that names denote one object, so that a write to one of them is a write to all. If there was a
-- write, the replicas that hold answers under the other names are told.
--
-- KEYS: the clock; the list of messages. ARGV: the time to remember it, in ms; the replica's id; the names.
local life, replica = table.remove(ARGV, 1), table.remove(ARGV, 1)
local all, was_written = all_names(ARGV), false
for _, what in ipairs({ 'changed', 'doubted' }) do
    local latest = last_write(what, all)
    if latest > 0 then
        was_written = true
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
if was_written then
    announce('joined', replica, all)
end
return 1
