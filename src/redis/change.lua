-- Notes a write to an object, or a refused key, and tells it to all replicas.
-- KEYS: the clock; the news. ARGV: what it is ('changed', 'doubted', 'begun',
-- 'refused'); for how many ms to remember it; the
-- replica that tells it; the names of the object, before them that of an analysis that was begun, or that of the key.
local what, life, replica = table.remove(ARGV, 1), table.remove(ARGV, 1), table.remove(ARGV, 1)
local at = math.max(now, last + 1)
redis.call('SET', KEYS[1], text(at), 'PX', 86400000)
local all = ARGV
if what == 'begun' then
    redis.call('SET', PREFIX .. 'changed:' .. ARGV[1], text(at), 'PX', life)
elseif what ~= 'refused' then
    all = all_names(ARGV)
    for _, name in ipairs(all) do
        redis.call('SET', PREFIX .. what .. ':' .. name, text(at), 'PX', life)
    end
end
redis.call('ZADD', KEYS[2], text(at), text(at) .. ' ' .. what .. ' ' .. replica .. ' ' .. table.concat(all, ' '))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(at - 86400000000))
redis.call('PEXPIRE', KEYS[2], 86400000)
return 1
