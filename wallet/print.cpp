#include "wallet/print.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace millrace::wallet {

namespace {
constexpr unsigned kColumnsDefault = 80;
constexpr std::size_t kBarCells = 24;
/// On a narrow terminal the words beside the bar matter more.
constexpr std::size_t kBarCellsNarrow = 10;
constexpr std::size_t kHashDigits = 12;
}  // namespace

Terminal Terminal::of(int fd) {
    Terminal out;
    out.is_terminal = ::isatty(fd) == 1;
    const char* no_colour = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    out.can_redraw =
        out.is_terminal && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
    out.has_colour = out.can_redraw && (no_colour == nullptr || *no_colour == '\0');
    winsize size{};
    if (out.is_terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        out.columns = size.ws_col;
    else
        out.columns = kColumnsDefault;
    return out;
}

namespace {

std::string blocks_text(const std::vector<std::vector<std::string>>& rows, bool has_colour) {
    const std::vector<std::string>& head = rows.front();
    std::size_t width = 0;
    for (const std::string& name : head) width = std::max(width, name.size());
    std::string out;
    for (std::size_t r = 1; r < rows.size(); ++r) {
        if (r > 1) out += '\n';
        for (std::size_t i = 0; i < rows[r].size(); ++i) {
            if (rows[r][i].empty()) continue;
            const std::string name = i < head.size() ? head[i] : std::string();
            out += has_colour ? "\033[1m" + name + "\033[0m" : name;
            out.append(width - name.size() + 2, ' ');
            out += rows[r][i] + "\n";
        }
    }
    return out;
}

}  // namespace

std::string Table::text(const Terminal& terminal) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::size_t full = 0;
    for (const std::size_t width : widths) full += width + 2;
    if (terminal.is_terminal && full > terminal.columns + std::size_t{2} && rows_.size() > 1)
        return blocks_text(rows_, terminal.has_colour);
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
        std::string line;
        for (std::size_t i = 0; i < rows_[r].size(); ++i) {
            const bool is_last = i + 1 == rows_[r].size();
            line += rows_[r][i];
            if (!is_last) line.append(widths[i] - rows_[r][i].size() + 2, ' ');
        }
        while (line.ends_with(' ')) line.pop_back();
        if (r == 0 && terminal.has_colour) line = "\033[1m" + line + "\033[0m";
        out += line + "\n";
    }
    return out;
}

std::string bar_text(std::string_view label, std::uint64_t done, std::uint64_t total,
                     std::string_view detail, unsigned columns) {
    done = std::min(done, total);
    const std::size_t cells = columns >= kColumnsDefault ? kBarCells : kBarCellsNarrow;
    const std::size_t filled = total == 0 ? 0 : done * cells / total;
    const std::uint64_t percent = total == 0 ? 0 : done * 100 / total;
    std::string line = fmt::format("{:<11} [{}{}] {:>3}%", label, std::string(filled, '#'),
                                   std::string(cells - filled, '.'), percent);
    if (!detail.empty()) line += fmt::format("  {}", detail);
    // The last column stays free: writing it would scroll some terminals.
    const std::size_t room = columns > 1 ? columns - 1 : 1;
    if (line.size() > room) line.resize(room);
    return line;
}

Progress::Progress(bool is_quiet) : terminal_(Terminal::of(STDERR_FILENO)), is_quiet_(is_quiet) {}
Progress::~Progress() {
    finish();
}

void Progress::show(std::string_view label, std::uint64_t done, std::uint64_t total,
                    std::string_view detail, std::uint64_t step) {
    if (is_quiet_) return;
    const std::uint64_t per_mille = total == 0 ? 0 : done * 1000 / total;
    const std::string tail = detail.empty() ? "" : fmt::format("  {}", detail);
    if (!terminal_.can_redraw) {
        const bool is_new =
            label != last_label_ || per_mille / 100 != last_tenth_ || step != last_step_;
        if (!is_new) return;
        last_label_ = label;
        last_tenth_ = per_mille / 100;
        last_step_ = step;
        fmt::print(stderr, "{}: {} of {}{}\n", label, done, total, tail);
        return;
    }
    const std::string line = bar_text(label, done, total, detail, terminal_.columns);
    if (line == last_line_) return;
    last_line_ = line;
    fmt::print(stderr, "\r\033[K{}", line);
    std::fflush(stderr);
    is_drawn_ = true;
}

void Progress::finish() {
    if (is_drawn_) fmt::print(stderr, "\n");
    is_drawn_ = false;
    last_line_.clear();
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::uint64_t kKilo = 1000;
    if (bytes < kKilo) return fmt::format("{} B", bytes);
    const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    std::uint64_t scale = kKilo;
    std::size_t unit = 0;
    while (bytes / scale >= kKilo && unit + 1 < std::size(units)) {
        scale *= kKilo;
        ++unit;
    }
    return fmt::format("{}.{} {}", bytes / scale, bytes % scale * 10 / scale, units[unit]);
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string human_binary(std::uint64_t bytes) {
    const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes >= 1024 && bytes % 1024 == 0 && unit + 1 < std::size(units)) {
        bytes /= 1024;
        ++unit;
    }
    return fmt::format("{} {}", bytes, units[unit]);
}

std::string human_duration(std::uint64_t ms) {
    if (ms < 1000) return fmt::format("{} ms", ms);
    const std::uint64_t s = ms / 1000;
    if (s < 10) return fmt::format("{}.{} s", s, ms % 1000 / 100);
    if (s < 60) return fmt::format("{} s", s);
    const auto two = [](std::uint64_t big, const char* big_unit, std::uint64_t small,
                        const char* small_unit) {
        return small == 0 ? fmt::format("{} {}", big, big_unit)
                          : fmt::format("{} {} {} {}", big, big_unit, small, small_unit);
    };
    if (s < 3600) return two(s / 60, "min", s % 60, "s");
    if (s < 86400) return two(s / 3600, "h", s % 3600 / 60, "min");
    return two(s / 86400, "d", s % 86400 / 3600, "h");
}

std::string human_gas(std::uint64_t gas) {
    constexpr std::uint64_t kGiga = 1'000'000'000;
    constexpr std::uint64_t kMega = 1'000'000;
    if (gas < kMega) return fmt::format("{} gas", gas);
    if (gas < kGiga) return fmt::format("{}.{:03} Mgas", gas / kMega, gas % kMega / 1000);
    return fmt::format("{}.{:03} Ggas", gas / kGiga, gas % kGiga / kMega);
}

std::string short_hash(std::string_view hex) {
    return std::string(hex.substr(0, kHashDigits));
}

}  // namespace millrace::wallet
