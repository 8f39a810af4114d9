#include "vm/module/names.hpp"

#include <algorithm>
#include <array>

#include "common/unicode.hpp"
#include "vm/module/cursor.hpp"

namespace millrace::vm {

namespace {

constexpr std::uint8_t kFunctionNames = 1;

std::string name_in_section(const Module& module, std::uint32_t function) {
    const ByteRange section = module.name_section;
    ByteCursor in(module.bytes(section), section.offset);
    while (!in.failed() && !in.at_end()) {
        const std::uint8_t id = in.u8();
        const std::uint32_t size = in.u32();
        const std::uint32_t begin = in.offset();
        ByteCursor part(in.take(size), begin);
        if (id != kFunctionNames) continue;
        const std::uint32_t count = part.u32();
        for (std::uint32_t i = 0; i < count && !part.failed(); ++i) {
            const std::uint32_t index = part.u32();
            const ByteView name = part.take(part.u32());
            if (!part.failed() && index == function) return std::string{as_text(name)};
        }
    }
    return {};
}

std::string escaped(char c) {
    const std::array<std::uint8_t, 1> raw{static_cast<std::uint8_t>(c)};
    return '\\' + to_hex(raw);
}

/// Bytes of the character that the text begins with; 0 for one to escape. Bytes that are no UTF-8
/// are escaped too: no rule holds for a name section, and JSON would not carry them.
std::size_t character_at(std::string_view text) {
    constexpr std::size_t kCharacterMax = 4;
    const auto first = static_cast<std::uint8_t>(text.front());
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f && first != '"' && first != '\\' ? 1 : 0;
    // U+0080 to U+009F are control characters, some of which terminals obey.
    if (text.size() > 1 && first == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0) return 0;
    for (std::size_t n = 2; n <= std::min(kCharacterMax, text.size()); ++n)
        if (is_utf8(as_bytes(text.substr(0, n)))) return n;
    return 0;
}

}  // namespace

std::string function_name(const Module& module, std::uint32_t function) {
    if (std::string name = name_in_section(module, function); !name.empty()) return name;
    for (const Export& entry : module.exports)
        if (entry.kind == ExternKind::function && entry.index == function)
            return std::string{module.text(entry.name)};
    for (const Import& entry : module.imports)
        if (entry.kind == ExternKind::function && entry.index == function)
            return std::string{module.text(entry.name)};
    return {};
}

std::string printable(std::string_view text) {
    std::string out;
    std::size_t at = 0;
    while (at < std::min(text.size(), kPrintedNameMax)) {
        const std::size_t length = character_at(text.substr(at));
        out += length == 0 ? escaped(text[at]) : std::string(text.substr(at, length));
        at += std::max<std::size_t>(length, 1);
    }
    if (at < text.size()) out += "...";
    return out;
}

}  // namespace millrace::vm
