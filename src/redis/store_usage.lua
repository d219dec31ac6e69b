-- Sets the counts of the day and the month to VirusTotal's, or to what the replicas spent if that is more.
--
-- KEYS: the counts. ARGV: the day of the request; VirusTotal's counts of the day and the month, -1 where it
-- gave none.
if day ~= tonumber(ARGV[1]) then
    return 0
end
for index, window in ipairs({ 'day', 'month' }) do
    local own = counts(KEYS[1], window, index == 1 and day or month)
    local counted = tonumber(ARGV[index + 1])
    if counted >= 0 then
        redis.call('HSET', KEYS[1], window .. '_others', string.format('%.0f', math.max(0, counted - own)))
    end
end
return 1
