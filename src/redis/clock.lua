-- The clock that orders what replicas ask and what they write: Redis's own time in microseconds, which never goes back
-- and gives each write a time of its own. KEYS[1] is where the last write's time stands.
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
local now = math.max(time[1] * 1000000 + time[2], last)

-- A number as text, to its last digit.
local function text(number)
    return string.format('%.0f', number)
end

-- The time of the last write to any of these objects; 0 where none is known. What: 'changed' or 'doubted'.
local function last_write(what, names)
    local latest = 0
    for _, name in ipairs(names) do
        latest = math.max(latest, tonumber(redis.call('GET', PREFIX .. what .. ':' .. name) or '0'))
    end
    return latest
end
