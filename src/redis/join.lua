-- Notes that names belong to one object: what was written to one of them was written to all. If anything was, replicas
-- that keep answers under the other names have to hear of it.
-- KEYS: the clock; the news. ARGV: for how many ms to remember it; the replica that tells it; the names.
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
    tell('joined', replica, all)
end
return 1
