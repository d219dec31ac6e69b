-- Claims the lease for an answer.
--
-- KEYS: the clock; the answer; the lease. ARGV: a token; the lease's duration in ms; the names of the object.
--
-- The name of the lease contains the time of the object's last write, so a claim after a write does not wait
-- for an answer from before it.
--
-- Returns 1 if the lease was granted, else 0; the lease's name; then the same as `look_up.lua`.
local names = {}
for index = 3, #ARGV do
    names[#names + 1] = ARGV[index]
end
local changed, doubted = last_write('changed', names), last_write('doubted', names)
local lease = KEYS[3] .. ':' .. text(math.max(changed, doubted))
if redis.call('SET', lease, ARGV[1], 'NX', 'PX', ARGV[2]) then
    return { 1, lease, redis.call('GET', KEYS[2]), text(changed), text(doubted), text(now) }
end
return { 0, lease, false, text(changed), text(doubted), text(now) }
