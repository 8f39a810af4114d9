#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "common/rng.hpp"
#include "vm/machine/sparse_state.hpp"
#include "vm/wasi/calls_impl.hpp"
#include "vm/wasi/tree.hpp"

namespace millrace::vm::test {

/// Counts the pages that one micro-step touches, over any state.
class CountingState {
  public:
    explicit CountingState(SparseState& inner) : inner_(inner) {}

    std::uint64_t load(Address at) {
        touch(at);
        CHECK_EQ(at % 8, 0U);
        return inner_.load(at);
    }
    void store(Address at, std::uint64_t word) {
        touch(at);
        CHECK_EQ(at % 8, 0U);
        inner_.store(at, word);
    }
    void read(Address at, MutableByteView out) {
        if (!out.empty()) touch(at);
        inner_.read(at, out);
    }
    void write(Address at, ByteView in) {
        if (!in.empty()) touch(at);
        inner_.write(at, in);
    }
    void copy(Address to, Address from, std::uint32_t size) {
        if (size != 0) touch(to), touch(from);
        inner_.copy(to, from, size);
    }
    void fill(Address at, std::uint64_t byte, std::uint32_t size) {
        if (size != 0) touch(at);
        inner_.fill(at, byte, size);
    }
    std::uint64_t reg(Register r) {
        return load(kRegistersPage + 8 * static_cast<std::uint64_t>(r));
    }
    void set_reg(Register r, std::uint64_t word) {
        store(kRegistersPage + 8 * static_cast<std::uint64_t>(r), word);
    }
    [[nodiscard]] bool failed() const { return false; }

    void begin_step() { touched_.clear(); }
    [[nodiscard]] std::size_t touched() const { return touched_.size(); }

  private:
    void touch(Address at) { touched_.insert(at >> kPageBits); }
    SparseState& inner_;
    std::set<std::uint64_t> touched_;
};
static_assert(StateAccess<CountingState>);

inline bool same_pages(const SparseState& a, const SparseState& b) {
    const auto is_zero = [](const SparseState::Page& page) {
        return std::ranges::all_of(page, [](auto byte) { return byte == 0; });
    };
    const auto covers = [&](const SparseState& x, const SparseState& y) {
        for (const auto& [index, page] : x.pages()) {
            const auto other = y.pages().find(index);
            if (other == y.pages().end() ? !is_zero(*page) : *page != *other->second) return false;
        }
        return true;
    };
    return covers(a, b) && covers(b, a);
}

inline void copy_pages(const SparseState& from, SparseState& to, Address offset = 0) {
    for (const auto& [index, page] : from.pages()) to.write((index << kPageBits) + offset, *page);
}

/// A program without code: a state with memory and arguments, whose calls a test makes by hand.
/// Every micro-step is checked against the bound on pages and for what it leaves behind.
class Guest {
  public:
    static constexpr std::uint32_t kPath = 0x1000;    // where paths are put
    static constexpr std::uint32_t kPath2 = 0x3000;   // second paths
    static constexpr std::uint32_t kOut = 0x800;      // results
    static constexpr std::uint32_t kVectors = 0x900;  // one vector
    static constexpr std::uint32_t kBuffer = 0x8000;  // data

    explicit Guest(TaskArguments arguments = default_arguments()) {
        const auto page = encode_arguments(arguments);
        REQUIRE(page.has_value());
        state.write(kArgumentsPage, *page);
        state.set_reg(Register::memory_pages, 16);
        state.set_reg(Register::gas_limit, arguments.gas_limit);
    }
    static TaskArguments default_arguments() {
        TaskArguments arguments;
        arguments.args = {"program"};
        arguments.gas_limit = std::uint64_t{1} << 50;
        arguments.memory_limit = std::uint64_t{1} << 34;
        arguments.job_time_ns = 1'700'000'000'000'000'000;
        return arguments;
    }

    HostOutcome try_call(HostCall call, const std::vector<std::uint64_t>& arguments) {
        CountingState counting(state);
        for (std::size_t i = 0; i < arguments.size(); ++i) state.store(kArgs + 8 * i, arguments[i]);
        const std::uint64_t gas_before = state.reg(Register::gas_used);
        std::uint64_t steps = 0;
        HostOutcome outcome = HostOutcome::again;
        while (outcome == HostOutcome::again) {
            counting.begin_step();
            outcome = host_micro_step(counting, call, kArgs);
            ++steps;
            CHECK_LE(counting.touched(), kHostPagesMax);
            pages_max = std::max(pages_max, counting.touched());
            REQUIRE_LE(steps, 4'000'000U);
        }
        if (outcome != HostOutcome::out_of_gas)
            CHECK_LE(steps, state.reg(Register::gas_used) - gas_before);
        check_idle();
        return outcome;
    }
    Errno call(HostCall host_call, const std::vector<std::uint64_t>& arguments) {
        const HostOutcome outcome = try_call(host_call, arguments);
        REQUIRE_EQ(outcome, HostOutcome::done);
        return static_cast<Errno>(state.load(kArgs));
    }
    HostOutcome exit() {
        CountingState counting(state);
        HostOutcome outcome = HostOutcome::again;
        while (outcome == HostOutcome::again) {
            counting.begin_step();
            outcome = exit_micro_step(counting);
            CHECK_LE(counting.touched(), kHostPagesMax);
        }
        check_idle();
        return outcome;
    }
    void check_idle() {
        CHECK_EQ(state.reg(Register::host_phase), 0U);
        for (auto r = static_cast<unsigned>(Register::progress_a);
             r <= static_cast<unsigned>(Register::progress_h); ++r)
            CHECK_EQ(state.reg(static_cast<Register>(r)), 0U);
    }

    // --- memory
    void put(std::uint64_t at, ByteView bytes) { host().write_memory(at, bytes); }
    void put(std::uint64_t at, std::string_view text) { put(at, as_bytes(text)); }
    std::string text(std::uint64_t at, std::size_t size) {
        Bytes raw(size);
        host().read_memory(at, raw);
        return std::string(as_text(raw));
    }
    template <class Integer>
    Integer word(std::uint64_t at) {
        return host().template load_memory<Integer>(at);
    }

    // --- calls as programs make them
    struct Opened {
        Errno error = Errno::success;
        std::uint32_t fd = 0;
    };
    Opened open(std::uint32_t directory, std::string_view path, std::uint32_t flags = 0,
                std::uint64_t wanted = rights::file_all | rights::directory_all,
                std::uint32_t fdflags = 0, std::uint64_t inheriting = rights::all) {
        put(kPath, path);
        const Errno error = call(HostCall::path_open, {directory, 0, kPath, path.size(), flags,
                                                       wanted, inheriting, fdflags, kOut});
        return {error, word<std::uint32_t>(kOut)};
    }
    /// Opens for reading alone, as for what is read-only or a directory.
    Opened open_read(std::uint32_t directory, std::string_view path, std::uint32_t flags = 0) {
        return open(directory, path, flags,
                    (rights::file_all | rights::directory_all) & ~rights::fd_write);
    }
    Errno close(std::uint32_t fd) { return call(HostCall::fd_close, {fd}); }
    Errno write(std::uint32_t fd, std::string_view data) {
        put(kBuffer, data);
        set_vector(data.size());
        return call(HostCall::fd_write, {fd, kVectors, 1, kOut});
    }
    Errno pwrite(std::uint32_t fd, std::string_view data, std::uint64_t offset) {
        put(kBuffer, data);
        set_vector(data.size());
        return call(HostCall::fd_pwrite, {fd, kVectors, 1, offset, kOut});
    }
    Errno read(std::uint32_t fd, std::size_t size, std::string& out) {
        set_vector(size);
        const Errno error = call(HostCall::fd_read, {fd, kVectors, 1, kOut});
        if (error == Errno::success) out = text(kBuffer, word<std::uint32_t>(kOut));
        return error;
    }
    Errno pread(std::uint32_t fd, std::size_t size, std::uint64_t offset, std::string& out) {
        set_vector(size);
        const Errno error = call(HostCall::fd_pread, {fd, kVectors, 1, offset, kOut});
        if (error == Errno::success) out = text(kBuffer, word<std::uint32_t>(kOut));
        return error;
    }
    Errno with_path(HostCall host_call, std::uint32_t directory, std::string_view path) {
        put(kPath, path);
        return call(host_call, {directory, kPath, path.size()});
    }
    Errno mkdir(std::uint32_t directory, std::string_view path) {
        return with_path(HostCall::path_create_directory, directory, path);
    }
    Errno rmdir(std::uint32_t directory, std::string_view path) {
        return with_path(HostCall::path_remove_directory, directory, path);
    }
    Errno unlink(std::uint32_t directory, std::string_view path) {
        return with_path(HostCall::path_unlink_file, directory, path);
    }
    Errno rename(std::uint32_t from, std::string_view source, std::uint32_t to,
                 std::string_view target) {
        put(kPath, source);
        put(kPath2, target);
        return call(HostCall::path_rename, {from, kPath, source.size(), to, kPath2, target.size()});
    }
    struct Stat {
        Errno error = Errno::success;
        std::uint64_t device = 0, inode = 0, links = 0, size = 0, accessed = 0, modified = 0;
        FileType type = FileType::unknown;
    };
    Stat stat(std::uint32_t directory, std::string_view path) {
        put(kPath, path);
        return stat_out(
            call(HostCall::path_filestat_get, {directory, 0, kPath, path.size(), kOut}));
    }
    Stat fstat(std::uint32_t fd) { return stat_out(call(HostCall::fd_filestat_get, {fd, kOut})); }
    struct Row {
        std::string name;
        FileType type = FileType::unknown;
        std::uint64_t inode = 0, cookie = 0;
    };
    /// One readdir; rows that were cut off are left out.
    std::vector<Row> readdir(std::uint32_t fd, std::uint64_t cookie, std::uint32_t capacity,
                             bool* more = nullptr) {
        REQUIRE_EQ(call(HostCall::fd_readdir, {fd, kBuffer, capacity, cookie, kOut}),
                   Errno::success);
        const auto used = word<std::uint32_t>(kOut);
        if (more != nullptr) *more = used == capacity;
        std::vector<Row> rows;
        for (std::uint64_t at = kBuffer; at + kDirentSize <= kBuffer + used;) {
            Row row;
            row.cookie = word<std::uint64_t>(at);
            row.inode = word<std::uint64_t>(at + 8);
            const auto length = word<std::uint32_t>(at + 16);
            row.type = static_cast<FileType>(word<std::uint8_t>(at + 20));
            if (at + kDirentSize + length > kBuffer + used) break;
            row.name = text(at + kDirentSize, length);
            rows.push_back(row);
            at += kDirentSize + length;
        }
        return rows;
    }
    /// All names of a directory but `.` and `..`, in the order listed.
    std::vector<std::string> list(std::uint32_t fd, std::uint32_t capacity = 4096) {
        std::vector<std::string> names;
        std::uint64_t cookie = 0;
        for (bool more = true; more;) {
            const auto rows = readdir(fd, cookie, capacity, &more);
            for (const Row& row : rows) {
                cookie = row.cookie;
                if (row.name != "." && row.name != "..") names.push_back(row.name);
            }
            REQUIRE((!more || !rows.empty()));
        }
        return names;
    }
    void set_vector(std::size_t size) {
        put(kVectors, std::string(8, '\0'));
        wasi::Host<SparseState> h = host();
        h.store_memory(kVectors, static_cast<std::uint32_t>(kBuffer));
        h.store_memory(kVectors + 4, static_cast<std::uint32_t>(size));
    }

    SparseState state;
    std::size_t pages_max = 0;

    /// Straddles a page, as an operand slot's address may.
    static constexpr Address kArgs = kSlotsBase + kPageSize - 32;

  private:
    wasi::Host<SparseState> host() {
        return wasi::Host<SparseState>(state, HostCall::sched_yield, kArgs);
    }
    Stat stat_out(Errno error) {
        Stat out;
        out.error = error;
        if (error != Errno::success) return out;
        out.device = word<std::uint64_t>(kOut);
        out.inode = word<std::uint64_t>(kOut + 8);
        out.type = static_cast<FileType>(word<std::uint8_t>(kOut + 16));
        out.links = word<std::uint64_t>(kOut + 24);
        out.size = word<std::uint64_t>(kOut + 32);
        out.accessed = word<std::uint64_t>(kOut + 40);
        out.modified = word<std::uint64_t>(kOut + 48);
        return out;
    }
};

/// The image at an address of a state, as a source of pages.
class StateImage final : public TreePages {
  public:
    StateImage(const SparseState& state, Address base) : state_(state), base_(base) {}
    Status<Error> read_page(std::uint64_t index, MutableByteView out) override {
        state_.read(base_ + (index << kPageBits), out);
        return Ok{};
    }
    std::uint64_t region_length(std::uint64_t region) const override {
        const Address low = (base_ + (region << kRegionBits)) >> kPageBits;
        const Address high = low + (kRegionSize >> kPageBits);
        auto after = state_.pages().lower_bound(high);
        while (after != state_.pages().begin()) {
            --after;
            if (after->first < low) return 0;
            if (!std::ranges::all_of(*after->second, [](auto byte) { return byte == 0; }))
                return (after->first - low + 1) << kPageBits;
        }
        return 0;
    }

  private:
    const SparseState& state_;
    Address base_;
};

/// Files by token, in memory.
class MemoryContents final : public ContentSource {
  public:
    std::vector<std::string> files;
    Status<Error> read(std::uint64_t token, std::uint64_t offset, MutableByteView out) override {
        const std::string& file = files.at(token);
        REQUIRE_LE(offset + out.size(), file.size());
        std::memcpy(out.data(), file.data() + offset, out.size());
        return Ok{};
    }
};

using TreeEntries = std::vector<std::pair<std::string, std::string>>;

/// A tree of files given by path and content; a path that ends in a slash is a directory.
struct MemoryTree {
    MemoryContents contents;
    TreeImage image;

    explicit MemoryTree(const TreeEntries& entries) {
        TreePlan plan;
        for (const auto& [path, content] : entries) {
            if (path.ends_with('/')) {
                REQUIRE(plan.add_directory(path.substr(0, path.size() - 1)).has_value());
            } else {
                REQUIRE(plan.add_file(path, content.size(), contents.files.size()).has_value());
                contents.files.push_back(content);
            }
        }
        auto made = std::move(plan).finish();
        REQUIRE(made.has_value());
        image = std::move(*made);
        image.attach(contents);
    }
    MemoryTree(const MemoryTree&) = delete;

    TreeRoot root() {
        const auto manifest = manifest_of(image);
        REQUIRE(manifest.has_value());
        return tree_root(*manifest);
    }
    void mount(SparseState& state, Address base) {
        PageBytes page{};
        for (std::uint64_t region = 0; region <= kBigFilesMax; ++region) {
            const std::uint64_t length = image.region_length(region);
            if (length == 0) break;
            for (std::uint64_t at = 0; at < length; at += kPageSize) {
                const std::uint64_t offset = (region << kRegionBits) + at;
                REQUIRE(image.read_page(offset >> kPageBits, page).has_value());
                state.write(base + offset, page);
            }
        }
    }
};

}  // namespace millrace::vm::test
