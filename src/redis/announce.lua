-- Announces something about an object or a key to all replicas. KEYS[2] is the list of messages, kept for a
-- day. Returns the time of the message, which is unique.
local function announce(what, replica, names)
    local at = math.max(now, last + 1)
    redis.call('SET', KEYS[1], text(at), 'PX', 86400000)
    redis.call('ZADD', KEYS[2], text(at), text(at) .. ' ' .. what .. ' ' .. replica .. ' ' .. table.concat(names, ' '))
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(at - 86400000000))
    redis.call('PEXPIRE', KEYS[2], 86400000)
    return at
end
