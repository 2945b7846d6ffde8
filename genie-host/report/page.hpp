// The parts of the page between which title and data go: page/embed.py writes their definition at build time.
#pragma once

#include <span>
#include <string_view>

namespace genie::report {

using PagePieces = std::span<const std::string_view>;
extern const PagePieces kPageBeforeTitle;
extern const PagePieces kPageBeforeData;
extern const PagePieces kPageAfterData;

}  // namespace genie::report
