-- SPDX-License-Identifier: Apache-2.0
-- Tables, strings, closures and garbage, about a second's worth; prints a checksum.
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local sum = fib(27)
local words = {}
for i = 1, 150000 do words[i] = string.format("%d:%x", i * 7919 % 100003, i) end
table.sort(words)
for i = 1, #words, 1000 do sum = sum + #words[i] end
local index = {}
for i, w in ipairs(words) do index[w] = { i, next = index[words[i - 1] or ""] } end
for w, v in pairs(index) do sum = sum + v[1] % 7 + #w end
local text = table.concat(words, " ")
local count = 0
for w in text:gmatch("%d+:%x*f%x*") do count = count + #w end
local grid = {}
for y = 1, 300 do
	local row = {}
	for x = 1, 300 do row[x] = (x * y) % 17 end
	grid[y] = row
end
for _ = 1, 12 do
	for y = 2, 299 do
		local a, b, c = grid[y - 1], grid[y], grid[y + 1]
		for x = 2, 299 do b[x] = (a[x] + c[x] + b[x - 1] + b[x + 1]) % 1000 end
	end
end
print(sum, count, grid[150][150])
