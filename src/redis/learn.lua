-- Takes over what VirusTotal has counted in the day and the month, as far as that is more than the replicas have.
-- KEYS: what was spent. ARGV: the day on which VirusTotal was asked; its counts of day and month, -1 where it told none.
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
