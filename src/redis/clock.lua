-- The shared clock, which orders the requests and writes of all replicas: Redis's own time in microseconds,
-- except that it never goes back and every write gets a time of its own. KEYS[1] holds the time of the last
-- write.
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
local now = math.max(time[1] * 1000000 + time[2], last)

-- Formats a number with all of its digits. Lua's default keeps 14.
local function text(number)
    return string.format('%.0f', number)
end

-- Returns the time of the last write to any of these names, or 0 if none is known. `what` is 'changed' or
-- 'doubted'.
local function last_write(what, names)
    local latest = 0
    for _, name in ipairs(names) do
        latest = math.max(latest, tonumber(redis.call('GET', PREFIX .. what .. ':' .. name) or '0'))
    end
    return latest
end
