#include "debugger/words.hpp"

#include <sstream>

namespace genie::debugger {

Words words_of(std::string_view line) {
  std::istringstream stream{std::string(line)};
  Words out;
  for (std::string word; stream >> word;)
    out.push_back(word);
  return out;
}

std::string joined(const Words& words, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < words.size(); ++i)
    out += (i > from ? " " : "") + words[i];
  return out;
}

plan::Diagnostics not_understood(std::string message, std::string help) {
  plan::Diagnostic diagnostic;
  diagnostic.code = "GE0665";
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  return {diagnostic};
}

}  // namespace genie::debugger
