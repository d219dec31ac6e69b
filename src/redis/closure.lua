-- Redis's own time in ms, and the closures that are kept: the time at which one opens, a space, and what is to be
-- known of it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local longest, memory = 86400000, 3600000

local function keep(name, opens, rest, life)
    redis.call('SET', name, string.format('%.0f', opens) .. ' ' .. rest, 'PX', string.format('%.0f', life))
end

-- For how many ms a closure lasts still, a day at most, and the rest; nothing where none can be read.
-- One that would last longer is cut where it is kept, too: else each look at it would begin another day.
local function closure(name)
    local kept = redis.pcall('GET', name)
    local opens, rest = string.match(type(kept) == 'string' and kept or '', '^(%d+) (.*)$')
    if not opens then
        return nil
    end
    local left = math.max(0, opens - now)
    if left > longest then
        left = longest
        keep(name, now + left, rest, left + memory)
    end
    return left, rest
end

