-- Returns a unit whose call never reached VirusTotal.
--
-- KEYS: the units of the minute; the counts of the day and the month. ARGV: the unit's name.
local spent = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not spent then
    return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
-- After midnight the unit stays counted, which errs on the safe side.
if math.floor(spent / 86400000) == day then
    local own, others = counts(KEYS[2], 'day', day)
    redis.call('HSET', KEYS[2], 'day_own', math.max(0, own - 1))
    own, others = counts(KEYS[2], 'month', month)
    redis.call('HSET', KEYS[2], 'month_own', math.max(0, own - 1))
end
return 1
