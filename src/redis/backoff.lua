-- Redis's time in ms, and access to back-offs. Each is stored as the time at which it ends, a space, and its
-- content.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local longest, memory = 86400000, 3600000

local function store(name, ends, content, life)
    redis.call('SET', name, string.format('%.0f', ends) .. ' ' .. content, 'PX', string.format('%.0f', life))
end

-- Returns the remaining time of a back-off in ms, at most a day, and its content; or nil if it is missing or
-- malformed. One with more than a day left is also shortened in place. Otherwise every read would start
-- another day.
local function backoff(name)
    local stored = redis.pcall('GET', name)
    local ends, content = string.match(type(stored) == 'string' and stored or '', '^(%d+) (.*)$')
    if not ends then
        return nil
    end
    local left = math.max(0, ends - now)
    if left > longest then
        left = longest
        store(name, now + left, content, left + memory)
    end
    return left, content
end

