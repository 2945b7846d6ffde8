// Ways in which a document is damaged: by disks, by lines, by hands, and on purpose. All of them repeat: the same bytes and
// seed give the same damage.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace genie::fuzz {

using Take = std::function<void(const std::string& damaged)>;

/// Cut off at every 64th byte.
void truncate(std::string_view document, const Take& take);
/// One to three bits turned over, `count` times.
void flip_bits(std::string_view document, std::uint64_t seed, int count, const Take& take);
/// A number replaced by each of those that are hard to read or to compute with; at most `places` numbers.
void replace_numbers(std::string_view document, std::uint64_t seed, int places, const Take& take);
/// A number replaced by ones that no type holds.
void overflow_numbers(std::string_view document, std::uint64_t seed, int places, const Take& take);
/// Bytes that are no UTF-8, and half a surrogate pair, put into strings.
void break_strings(std::string_view document, std::uint64_t seed, int places, const Take& take);
/// A string replaced by another one of the document: references that dangle, repeat, and lead in circles.
void exchange_strings(std::string_view document, std::uint64_t seed, int count, const Take& take);
/// A string replaced by one of a megabyte.
void lengthen_strings(std::string_view document, std::uint64_t seed, int places, const Take& take);
/// A key given twice: an object's first member repeated.
void repeat_keys(std::string_view document, std::uint64_t seed, int places, const Take& take);
/// A hundred thousand brackets where a value or member is expected.
void nest_deeply(std::string_view document, std::uint64_t seed, int places, const Take& take);
/// `many` numbers, values of every kind, copies of the first item put into an array, and members put into an object.
void fill(std::string_view document, std::uint64_t seed, int places, std::size_t many, const Take& take);

}  // namespace genie::fuzz
