/**
 * KEYS[1] the use of a client key: a field for each replica, `<requests under way> <when it said so>`, and `paid`, when
 * everything that began is paid back. Times are microseconds of the Redis server's clock; amounts of time are told, because
 * clocks differ.
 *
 * ARGV: replica, its requests under way (`=3`, or `+0` and `+-1` as a change of what stands there, while its earlier questions
 * are on their way), what it knows to be owed, how long a replica's word counts. To ask for the beginning
 * of a request also: what it costs, 0 for nothing, and how many may be under way, 0 for any number. Answers how the key stood
 * before that, requests under way and what is owed, and whether the request fits, as `judgeBegin` has it; one that does is
 * counted.
 */
export const useScript = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local amount, life = tonumber(string.sub(ARGV[2], 2)), tonumber(ARGV[4])
local paid, others, own = now + tonumber(ARGV[3]), 0, 0
local fields = redis.call('HGETALL', KEYS[1])
for index = 1, #fields, 2 do
  local name, value = fields[index], fields[index + 1]
  if name == 'paid' then paid = math.max(paid, tonumber(value))
  else
    local open, said = string.match(value, '^(%d+) (%d+)$')
    if name == ARGV[1] then own = tonumber(open)
    elseif now - tonumber(said) < life then others = others + tonumber(open)
    else redis.call('HDEL', KEYS[1], name) end
  end
end
if string.sub(ARGV[2], 1, 1) == '=' then own = amount else own = math.max(0, own + amount) end
local answer = { others + own, string.format('%.0f', paid - now), 0 }
if ARGV[5] then
  local cost, most = tonumber(ARGV[5]), tonumber(ARGV[6])
  local fits = (most == 0 or others + own < most) and (cost == 0 or paid - now + cost <= 60000001)
  if fits and most > 0 then own = own + 1 end
  if fits then
    paid = paid + cost
    answer[3] = 1
  end
end
if own > 0 then redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', own, now))
else redis.call('HDEL', KEYS[1], ARGV[1]) end
if paid > now then redis.call('HSET', KEYS[1], 'paid', string.format('%.0f', paid)) end
redis.call('PEXPIRE', KEYS[1], 120000)
return answer`;
