-- Spends a unit of a key's quota by Redis's clock, if every window has one and no back-off applies.
--
-- KEYS: the units of the last minute, scored by their times; the counts of the day and the month; the
-- back-offs of the endpoint and of the whole API.
--
-- ARGV: the unit's name, and the prefix of it that is its replica's id; the time for which a unit counts, in
-- ms; the limits of minute, day and month, -1 for none; 1 to spend a unit, 0 to read only.
--
-- Returns the verdict ('taken', 'backoff', 'minute', 'day' or 'month'); the ms to wait before the next
-- attempt; the number of units in the minute; the ages in ms of other replicas' units, the oldest first; the
-- counts of the day and the month; and the back-offs, each as the ms that it lasts and its content.
local minute_length = tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - minute_length)
local used = redis.call('ZCARD', KEYS[1])
local day_own, day_others = counts(KEYS[2], 'day', day)
local month_own, month_others = counts(KEYS[2], 'month', month)
local of_day, of_month = day_own + day_others, month_own + month_others

local backoffs, longest_left = {}, 0
for index = 3, 4 do
    local left, content = backoff(KEYS[index])
    if left then
        longest_left = math.max(longest_left, left)
        backoffs[#backoffs + 1] = { left, content }
    end
end

local function limit(index)
    local number = tonumber(ARGV[index])
    return number >= 0 and number or math.huge
end
local verdict, wait = 'taken', 0
local tomorrow = 86400000 - now % 86400000
if longest_left > 0 then
    verdict, wait = 'backoff', longest_left
elseif of_month >= limit(6) then
    verdict, wait = 'month', tomorrow
elseif of_day >= limit(5) then
    verdict, wait = 'day', tomorrow
elseif used >= limit(4) then
    -- A unit is free when the one at this index expires.
    local last = redis.call('ZRANGE', KEYS[1], used - limit(4), used - limit(4), 'WITHSCORES')
    verdict, wait = 'minute', math.max(1, (last[2] or now) + minute_length - now)
elseif ARGV[7] == '1' then
    redis.call('ZADD', KEYS[1], now, ARGV[1])
    redis.call('PEXPIRE', KEYS[1], minute_length)
    redis.call('HINCRBY', KEYS[2], 'day_own', 1)
    redis.call('HINCRBY', KEYS[2], 'month_own', 1)
    used, of_day, of_month = used + 1, of_day + 1, of_month + 1
end

-- 256 units are enough for the length of a queue. A request behind it gets too short a wait and asks again.
local units = redis.call('ZRANGE', KEYS[1], 0, 255, 'WITHSCORES')
local others = {}
for index = 1, #units, 2 do
    if string.sub(units[index], 1, #ARGV[2]) ~= ARGV[2] then
        others[#others + 1] = math.max(0, now - units[index + 1])
    end
end
return { verdict, wait, used, others, of_day, of_month, backoffs }
