#include "wallet/fold.hpp"

#include <algorithm>

namespace millrace::wallet {

namespace {

/// A continuation is set in under the text at most so far: beyond it, no room would be left.
constexpr std::size_t kIndentMax = 16;

/// Where what a line says begins: past its spaces and, in a line such as "balance   12 credits",
/// past the label and the spaces behind it.
std::size_t indent_of(std::string_view line) {
    const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t gap = line.find("  ", begin);
    if (gap == std::string_view::npos) return std::min(begin, kIndentMax);
    const std::size_t text = line.find_first_not_of(' ', gap);
    const bool is_label =
        text != std::string_view::npos && text <= kIndentMax &&
        line.substr(begin, gap - begin).find_first_of(".;:,") == std::string_view::npos;
    return std::min(is_label ? text : begin, kIndentMax);
}

/// A command between backquotes is copied from the screen: a line end in it would tear it.
bool is_breakable(std::string_view line, std::size_t at) {
    return std::count(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(at), '`') % 2 == 0;
}

/// Where to break a line that is too long: before the last word that fits, or behind the first.
std::size_t break_at(std::string_view line, std::size_t from, std::size_t columns) {
    constexpr std::size_t kNone = std::string_view::npos;
    for (std::size_t at = line.rfind(' ', columns); at != kNone && at > from;
         at = line.rfind(' ', at - 1))
        if (is_breakable(line, at)) return at;
    for (std::size_t at = line.find(' ', std::max(from, columns)); at != kNone;
         at = line.find(' ', at + 1))
        if (is_breakable(line, at)) return at;
    return kNone;
}

constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kPlain = "\033[0m";

void fold_line(std::string& out, std::string_view line, std::size_t columns);

/// A line that begins in bold: what switches it on and off takes no room on the screen.
void fold_bold_line(std::string& out, std::string_view line, std::size_t columns) {
    const std::size_t end = line.find(kPlain);
    const std::string_view head = line.substr(kBold.size(), end - kBold.size());
    const std::string plain = std::string(head) + std::string(line.substr(end + kPlain.size()));
    std::string folded_text;
    fold_line(folded_text, plain, columns);
    // Behind the same letters, whatever was put between them.
    const auto is_letter = [](char c) { return c != ' ' && c != '\n'; };
    auto letters = std::count_if(head.begin(), head.end(), is_letter);
    std::size_t at = 0;
    for (; at < folded_text.size() && letters > 0; ++at)
        if (is_letter(folded_text[at])) --letters;
    folded_text.insert(at, kPlain);
    out += kBold;
    out += folded_text;
}

void fold_line(std::string& out, std::string_view line, std::size_t columns) {
    if (line.starts_with(kBold) && line.find(kPlain) != std::string_view::npos)
        return fold_bold_line(out, line, columns);
    std::size_t indent = indent_of(line);
    // So narrow that indentation leaves nothing to read.
    if (indent * 2 > columns) indent = 0;
    if (line.size() > columns)
        while (line.ends_with(' ')) line.remove_suffix(1);
    std::size_t from = indent;
    while (line.size() > columns) {
        const std::size_t cut = break_at(line, from, columns);
        if (cut == std::string_view::npos) break;
        std::string_view head = line.substr(0, cut);
        while (head.ends_with(' ')) head.remove_suffix(1);
        out += head;
        out += '\n';
        out.append(indent, ' ');
        line.remove_prefix(std::min(line.find_first_not_of(' ', cut), line.size()));
        // All lines but the first have their indentation in front.
        if (from != 0) columns -= indent;
        from = 0;
    }
    out += line;
}

}  // namespace

std::string folded(std::string_view text, const Terminal& terminal) {
    if (!terminal.is_terminal || terminal.columns == 0) return std::string(text);
    std::string out;
    while (!text.empty()) {
        if (text.starts_with("---") || text.starts_with("===")) return out += text;
        const std::size_t end = std::min(text.find('\n'), text.size());
        fold_line(out, text.substr(0, end), terminal.columns);
        if (end < text.size()) out += '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}  // namespace millrace::wallet
