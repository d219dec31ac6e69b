-- Spends a unit of a VirusTotal key's quota, by Redis's own clock, if every window has one.
-- KEYS: the units of the last minute, by when they were spent; what was spent in the day and the month; the closed
--       endpoint, and the closure of all.
-- ARGV: the unit's name, and the part of it that is its replica's; how long a unit stays spent, in ms; the limits of
--       minute, day and month, -1 for none; 1 to spend, 0 to look.
-- Gives the verdict (taken, closed, minute, day, month); ms until it may be another; how many units the minute has,
-- and how many ms ago the oldest of them that other replicas spent were; what is spent of day and month; and the
-- closures, each as ms until it opens and what is to be known of it.
local minute = tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - minute)
local used = redis.call('ZCARD', KEYS[1])
local day_own, day_others = counts(KEYS[2], 'day', day)
local month_own, month_others = counts(KEYS[2], 'month', month)
local of_day, of_month = day_own + day_others, month_own + month_others

local closures, closed = {}, 0
for index = 3, 4 do
    local left, rest = closure(KEYS[index])
    if left then
        closed = math.max(closed, left)
        closures[#closures + 1] = { left, rest }
    end
end

local function limit(index)
    local number = tonumber(ARGV[index])
    return number >= 0 and number or math.huge
end
local verdict, wait = 'taken', 0
local tomorrow = 86400000 - now % 86400000
if closed > 0 then
    verdict, wait = 'closed', closed
elseif of_month >= limit(6) then
    verdict, wait = 'month', tomorrow
elseif of_day >= limit(5) then
    verdict, wait = 'day', tomorrow
elseif used >= limit(4) then
    -- The unit at whose end fewer than the limit are left.
    local last = redis.call('ZRANGE', KEYS[1], used - limit(4), used - limit(4), 'WITHSCORES')
    verdict, wait = 'minute', math.max(1, (last[2] or now) + minute - now)
elseif ARGV[7] == '1' then
    redis.call('ZADD', KEYS[1], now, ARGV[1])
    redis.call('PEXPIRE', KEYS[1], minute)
    redis.call('HINCRBY', KEYS[2], 'day_own', 1)
    redis.call('HINCRBY', KEYS[2], 'month_own', 1)
    used, of_day, of_month = used + 1, of_day + 1, of_month + 1
end

-- No more than a queue is long: who waits behind it is told too soon, and asks again.
local units = redis.call('ZRANGE', KEYS[1], 0, 255, 'WITHSCORES')
local others = {}
for index = 1, #units, 2 do
    if string.sub(units[index], 1, #ARGV[2]) ~= ARGV[2] then
        others[#others + 1] = math.max(0, now - units[index + 1])
    end
end
return { verdict, wait, used, others, of_day, of_month, closures }
