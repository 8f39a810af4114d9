#include <doctest/doctest.h>

#include <map>
#include <memory>

#include "tests/support/wasi_guest.hpp"

/// Random file operations on the machine's file system and on a naive model of one; every answer
/// is compared, and at the end the image written at exit with the one that the host-side builder
/// makes of the model's tree.
namespace millrace::vm::test {
namespace {

struct ModelNode {
    bool directory = false;
    std::string content;
    std::map<std::string, std::shared_ptr<ModelNode>> children;
};
using NodePtr = std::shared_ptr<ModelNode>;

struct Lookup {
    Errno error = Errno::success;
    NodePtr parent;
    NodePtr node;  // none when only the last component is missing
    std::string name;
    bool slash = false;
};

struct Model {
    NodePtr root = std::make_shared<ModelNode>(ModelNode{true, {}, {}});

    Lookup find(const std::string& path) {
        std::vector<NodePtr> stack{root};
        Lookup out;
        std::size_t at = 0;
        while (at < path.size()) {
            const std::size_t slash = path.find('/', at);
            const std::string name = path.substr(at, slash - at);
            std::size_t next = slash == std::string::npos ? path.size() : slash;
            while (next < path.size() && path[next] == '/') ++next;
            const bool last = next == path.size();
            out.slash = last && slash != std::string::npos;
            if (name == "..") {
                if (stack.size() == 1) return {Errno::perm, {}, {}, {}, false};
                stack.pop_back();
                if (last) return {Errno::success, {}, stack.back(), "", out.slash};
            } else if (name == ".") {
                if (last) return {Errno::success, {}, stack.back(), "", out.slash};
            } else {
                const auto child = stack.back()->children.find(name);
                const bool found = child != stack.back()->children.end();
                if (last) {
                    out.parent = stack.back();
                    out.name = name;
                    if (found) out.node = child->second;
                    return out;
                }
                if (!found) return {Errno::noent, {}, {}, {}, false};
                if (!child->second->directory) return {Errno::notdir, {}, {}, {}, false};
                stack.push_back(child->second);
            }
            at = next;
        }
        return out;
    }
    bool below(const NodePtr& directory, const NodePtr& wanted) {
        if (directory == wanted) return true;
        for (const auto& [name, child] : directory->children)
            if (child->directory && below(child, wanted)) return true;
        return false;
    }
    bool linked(const NodePtr& wanted) { return below(root, wanted); }

    Errno mkdir(const std::string& path) {
        const Lookup l = find(path);
        if (l.error != Errno::success) return l.error;
        if (l.node) return Errno::exist;
        l.parent->children[l.name] = std::make_shared<ModelNode>(ModelNode{true, {}, {}});
        return Errno::success;
    }
    Errno unlink(const std::string& path) {
        const Lookup l = find(path);
        if (l.error != Errno::success) return l.error;
        if (l.name.empty()) return Errno::isdir;
        if (!l.node) return Errno::noent;
        if (l.node->directory) return Errno::isdir;
        if (l.slash) return Errno::notdir;
        l.parent->children.erase(l.name);
        return Errno::success;
    }
    Errno rmdir(const std::string& path) {
        const Lookup l = find(path);
        if (l.error != Errno::success) return l.error;
        if (l.name.empty()) return Errno::inval;
        if (!l.node) return Errno::noent;
        if (!l.node->directory) return Errno::notdir;
        if (!l.node->children.empty()) return Errno::notempty;
        l.parent->children.erase(l.name);
        return Errno::success;
    }
    Errno rename(const std::string& from, const std::string& to) {
        const Lookup a = find(from);
        if (a.error != Errno::success) return a.error;
        const Lookup b = find(to);
        if (b.error != Errno::success) return b.error;
        if (a.name.empty() || b.name.empty()) return Errno::busy;
        if (!a.node) return Errno::noent;
        if (a.node == b.node) return Errno::success;
        if (!a.node->directory && (a.slash || b.slash)) return Errno::notdir;
        if (b.node) {
            if (a.node->directory && !b.node->directory) return Errno::notdir;
            if (!a.node->directory && b.node->directory) return Errno::isdir;
            if (b.node->directory && !b.node->children.empty()) return Errno::notempty;
        }
        if (a.node->directory && below(a.node, b.parent)) return Errno::inval;
        const NodePtr moved = a.node;
        a.parent->children.erase(a.name);
        b.parent->children[b.name] = moved;
        return Errno::success;
    }
    void collect(const NodePtr& node, const std::string& prefix, TreeEntries& out) {
        for (const auto& [name, child] : node->children) {
            if (child->directory) {
                out.emplace_back(prefix + name + "/", "");
                collect(child, prefix + name + "/", out);
            } else {
                out.emplace_back(prefix + name, child->content);
            }
        }
    }
};

struct OpenFile {
    std::uint32_t fd = 0;
    NodePtr node;
    std::uint64_t offset = 0;
    bool append = false;
};

class Session {
  public:
    explicit Session(std::uint64_t seed) : rng_(seed) {}

    void run(int operations) {
        for (int i = 0; i < operations; ++i) {
            step();
            if (rng_.chance(50)) compare_listing("");
        }
        while (!files_.empty()) close(0);
        const std::uint64_t gas = guest_.state.reg(Register::gas_used);
        REQUIRE_EQ(guest_.exit(), HostOutcome::done);
        CHECK_GT(guest_.state.reg(Register::gas_used), gas);
        TreeEntries entries;
        model_.collect(model_.root, "", entries);
        MemoryTree expected(entries);
        StateImage output(guest_.state, kOutputImage);
        const auto manifest = manifest_of(output);
        REQUIRE(manifest.has_value());
        CHECK_EQ(tree_root(*manifest), expected.root());
        CHECK(TreeIndex::read(output).has_value());
    }
    [[nodiscard]] std::size_t pages_max() const { return guest_.pages_max; }

  private:
    static constexpr std::uint32_t kRoot = 3;

    std::string random_path() {
        static const char* const kNames[] = {
            "a", "b", "c", "dir", "dir2", "x.txt", "a-longer-name-than-most", ".", ".."};
        std::string path;
        const std::uint64_t parts = 1 + rng_.below(4);
        for (std::uint64_t i = 0; i < parts; ++i) {
            if (i != 0) path += rng_.chance(20) ? "//" : "/";
            path += kNames[rng_.below(rng_.chance(6) ? 9 : 7)];
        }
        if (rng_.chance(15)) path += "/";
        return path;
    }
    std::string random_data() {
        static constexpr std::uint64_t kSizes[] = {0, 1, 10, 500, 4'095, 4'096, 4'097, 9'000};
        std::string data(kSizes[rng_.below(8)], '\0');
        for (char& c : data) c = static_cast<char>('a' + rng_.below(26));
        return data;
    }
    void step() {
        switch (rng_.below(12)) {
            case 0:
            case 1: {
                const std::string path = random_path();
                CAPTURE(path);
                CHECK_EQ(guest_.mkdir(kRoot, path), model_.mkdir(path));
                return;
            }
            case 2: {
                const std::string path = random_path();
                CAPTURE(path);
                CHECK_EQ(guest_.unlink(kRoot, path), model_.unlink(path));
                return;
            }
            case 3: {
                const std::string path = random_path();
                CAPTURE(path);
                CHECK_EQ(guest_.rmdir(kRoot, path), model_.rmdir(path));
                return;
            }
            case 4:
            case 5: {
                const std::string from = random_path();
                const std::string to = random_path();
                CAPTURE(from);
                CAPTURE(to);
                CHECK_EQ(guest_.rename(kRoot, from, kRoot, to), model_.rename(from, to));
                return;
            }
            case 6:
            case 7:
                return open();
            case 8:
            case 9:
                return files_.empty() ? open() : write();
            case 10:
                return files_.empty() ? open() : read_or_resize();
            default:
                if (!files_.empty()) return close(rng_.below(files_.size()));
                return compare_listing(random_path());
        }
    }
    void open() {
        const std::string path = random_path();
        std::uint32_t flags = 0;
        if (rng_.chance(2)) flags |= open_flags::create;
        if (rng_.chance(6)) flags |= open_flags::exclusive;
        if (rng_.chance(5)) flags |= open_flags::truncate;
        if (rng_.chance(12)) flags |= open_flags::directory;
        const bool append = rng_.chance(4);
        CAPTURE(path);
        CAPTURE(flags);
        const auto opened =
            guest_.open(kRoot, path, flags, rights::file_all, append ? fd_flags::append : 0);
        const Errno expected = model_open(path, flags);
        CHECK_EQ(opened.error, expected);
        if (opened.error == Errno::success && expected == Errno::success)
            files_.push_back({opened.fd, model_.find(path).node, 0, append});
    }
    Errno model_open(const std::string& path, std::uint32_t flags) {
        const Lookup l = model_.find(path);
        if (l.error != Errno::success) return l.error;
        const bool create = (flags & open_flags::create) != 0;
        if (!l.node) {
            if (!create) return Errno::noent;
            if ((flags & open_flags::directory) != 0) return Errno::inval;
            if (l.slash) return Errno::isdir;
            l.parent->children[l.name] = std::make_shared<ModelNode>();
            return Errno::success;
        }
        if (create && (flags & open_flags::exclusive) != 0) return Errno::exist;
        if (l.node->directory) return Errno::isdir;
        if ((flags & open_flags::directory) != 0 || l.slash) return Errno::notdir;
        if ((flags & open_flags::truncate) != 0) l.node->content.clear();
        return Errno::success;
    }
    void write() {
        OpenFile& file = files_[rng_.below(files_.size())];
        const std::string data = random_data();
        std::uint64_t start = 0;
        if (rng_.chance(3)) {
            start = rng_.below(20'000);
            CHECK_EQ(guest_.pwrite(file.fd, data, start), Errno::success);
        } else {
            start = file.append ? file.node->content.size() : file.offset;
            CHECK_EQ(guest_.write(file.fd, data), Errno::success);
            file.offset = start + data.size();
        }
        if (data.empty()) return;
        if (file.node->content.size() < start + data.size())
            file.node->content.resize(start + data.size(), '\0');
        file.node->content.replace(start, data.size(), data);
    }
    void read_or_resize() {
        OpenFile& file = files_[rng_.below(files_.size())];
        std::string& content = file.node->content;
        if (rng_.chance(4)) {
            // Now and then across the border between small and big files.
            const std::uint64_t size =
                rng_.chance(6) ? kBigFileSize - 2 + rng_.below(5) : rng_.below(20'000);
            CHECK_EQ(guest_.call(HostCall::fd_filestat_set_size, {file.fd, size}), Errno::success);
            content.resize(size, '\0');
            return;
        }
        std::string got;
        const std::uint64_t size = rng_.below(6'000);
        if (rng_.chance(2)) {
            const std::uint64_t at = rng_.below(content.size() + 100);
            REQUIRE_EQ(guest_.pread(file.fd, size, at, got), Errno::success);
            CHECK(got == (at < content.size() ? content.substr(at, size) : std::string{}));
        } else {
            REQUIRE_EQ(guest_.read(file.fd, size, got), Errno::success);
            CHECK(got == (file.offset < content.size() ? content.substr(file.offset, size)
                                                       : std::string{}));
            file.offset += got.size();
        }
        CHECK_EQ(guest_.fstat(file.fd).size, content.size());
    }
    void close(std::uint64_t which) {
        CHECK_EQ(guest_.close(files_[which].fd), Errno::success);
        files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(which));
    }
    void compare_listing(const std::string& path) {
        const Lookup l =
            path.empty() ? Lookup{Errno::success, {}, model_.root, "", false} : model_.find(path);
        const auto opened = guest_.open_read(kRoot, path.empty() ? "." : path);
        if (l.error != Errno::success || !l.node) {
            CHECK_EQ(opened.error, l.error != Errno::success ? l.error : Errno::noent);
            return;
        }
        if (opened.error != Errno::success) {
            CHECK(!l.node->directory);
            return;
        }
        if (l.node->directory) {
            std::vector<std::string> names;
            for (const auto& [name, child] : l.node->children) names.push_back(name);
            CHECK_EQ(guest_.list(opened.fd, 300), names);
        }
        REQUIRE_EQ(guest_.close(opened.fd), Errno::success);
    }

    Rng rng_;
    Guest guest_;
    Model model_;
    std::vector<OpenFile> files_;
};

}  // namespace

TEST_SUITE("vm/wasi/model") {
    TEST_CASE("random histories answer as the model does and leave its tree") {
        for (std::uint64_t seed = 1; seed <= 60; ++seed) {
            CAPTURE(seed);
            Session(seed).run(300);
        }
    }

    TEST_CASE("in a directory of 65,536 entries each micro-step still touches few pages") {
        // Two pages more a doubling: 2^20 entries, the most there can be, add at most 8.
        constexpr std::uint32_t kEntries = 65'536;
        Guest guest;
        wasi::RunningFs<SparseState> fs(guest.state, kRootFs);
        const auto name = [](std::uint32_t i) {
            std::string digits = std::to_string(100'000 + i);
            return std::string(200, 'n') + digits;
        };
        for (std::uint32_t i = 0; i < kEntries; ++i) {
            const wasi::Slot slot = fs.allocate(EntryKind::file, 1);
            fs.name_slot(slot, wasi::kRootSlot, as_bytes(name(i)));
            fs.set_child(wasi::kRootSlot, i, slot);
            fs.add_child(wasi::kRootSlot, +1);
        }
        guest.pages_max = 0;
        CHECK_EQ(guest.stat(3, name(12'345)).error, Errno::success);
        CHECK_EQ(guest.open(3, name(777), open_flags::truncate).error, Errno::success);
        CHECK_EQ(guest.open(3, "a", open_flags::create).error, Errno::success);
        CHECK_EQ(guest.mkdir(3, "b"), Errno::success);
        CHECK_EQ(guest.rename(3, name(1), 3, name(2)), Errno::success);
        CHECK_EQ(guest.rename(3, name(3), 3, "b/" + name(3)), Errno::success);
        CHECK_EQ(guest.rename(3, "b", 3, "zz"), Errno::success);
        CHECK_EQ(guest.unlink(3, name(60'000)), Errno::success);
        const auto root = guest.open_read(3, ".");
        CHECK_EQ(guest.list(root.fd, 60'000).size(), kEntries - 1);
        CHECK_LE(guest.pages_max, kHostPagesMax - 8);
        REQUIRE_EQ(guest.exit(), HostOutcome::done);
        StateImage output(guest.state, kOutputImage);
        const auto index = TreeIndex::read(output);
        REQUIRE(index.has_value());
        CHECK_EQ(index->entries().size(), kEntries + 1);
        MESSAGE("pages touched by one micro-step: at most " << guest.pages_max);
    }

    TEST_CASE(
        "a rename between two large directories, deep and with long names, touches few pages") {
        // The names of both lie in far-apart records, as after a long history: every probe of a
        // lookup is a page of its own. Two lookups in one step would be more than there may be.
        constexpr std::uint32_t kEntries = 65'536;
        Guest guest;
        wasi::RunningFs<SparseState> fs(guest.state, kRootFs);
        const std::string longest(230, 'd');
        std::uint32_t at = 3;
        std::vector<wasi::Slot> pair;
        for (int depth = 1; depth < 63; ++depth) {
            REQUIRE_EQ(guest.mkdir(at, std::string(255, 'd')), Errno::success);
            const auto next = guest.open_read(at, std::string(255, 'd'));
            REQUIRE_EQ(next.error, Errno::success);
            if (at != 3) REQUIRE_EQ(guest.close(at), Errno::success);
            at = next.fd;
        }
        for (const char* name : {"from", "to"}) {
            REQUIRE_EQ(guest.mkdir(at, name), Errno::success);
            const auto opened = guest.open_read(at, name);
            pair.push_back(wasi::Descriptors(*std::make_unique<wasi::Host<SparseState>>(
                                                 guest.state, HostCall::fd_tell, 0))
                               .get(opened.fd)
                               .node.slot());
        }
        const auto name = [&](std::uint32_t i) {
            return longest + std::to_string(1'000'000 + i) + std::string(18, 'x');
        };
        for (std::uint32_t i = 0; i < 2 * kEntries; ++i) {
            const wasi::Slot directory = pair[i % 2];
            // Entries that are neighbours in the directory are far apart among the records.
            const std::uint32_t place = i / 2 * 40'503U % kEntries;
            const wasi::Slot slot = fs.allocate(EntryKind::file, 1);
            fs.name_slot(slot, directory, as_bytes(name(place)));
            fs.set_child(directory, place, slot);
            fs.add_child(directory, +1);
        }
        guest.pages_max = 0;
        CHECK_EQ(guest.rename(at, "from/" + name(7), at, "to/" + name(40'001)), Errno::success);
        CHECK_EQ(guest.rename(at, "from/" + name(9), at, "to/" + name(40'003) + "y"),
                 Errno::nametoolong);
        CHECK_EQ(guest.rename(at, "to/" + name(11), at, "to/a"), Errno::success);
        CHECK_EQ(guest.rename(at, "to/a", at, "to/z"), Errno::success);
        CHECK_EQ(guest.stat(at, "to/" + name(40'001)).error, Errno::success);
        CHECK_EQ(guest.stat(at, "from/" + name(7)).error, Errno::noent);
        // One lookup's pages, and no second one's: twice as many would not do for 2^20 entries, the
        // most there can be, which add two a doubling to each.
        CHECK_LE(guest.pages_max, kHostPagesMax / 2);
        MESSAGE("pages touched by one micro-step: at most " << guest.pages_max);
    }

    TEST_CASE("a call interrupted after every micro-step ends in the same state") {
        // All that a call remembers is in the state: a copy of it goes on as the original would.
        const auto play = [](bool interrupted) {
            auto state = std::make_unique<SparseState>();
            {
                Guest guest;
                for (int i = 0; i < 40; ++i)
                    REQUIRE_EQ(guest.mkdir(3, "d" + std::to_string(i)), Errno::success);
                const auto file = guest.open(3, "d1/f", open_flags::create);
                REQUIRE_EQ(guest.write(file.fd, std::string(20'000, 'x')), Errno::success);
                REQUIRE_EQ(guest.mkdir(3, "d2/e"), Errno::success);
                copy_pages(guest.state, *state);
            }
            struct Step {
                HostCall call;
                std::vector<std::uint64_t> arguments;
            };
            wasi::Host<SparseState> host(*state, HostCall::sched_yield, Guest::kArgs);
            host.write_memory(0x1000, as_bytes("d1/f"));
            host.write_memory(0x1010, as_bytes("d2/e/f"));
            host.write_memory(0x1020, as_bytes("d2"));
            host.write_memory(0x1030, as_bytes("d39/moved"));
            const std::vector<Step> steps{
                {HostCall::path_rename, {3, 0x1000, 4, 3, 0x1010, 6}},
                {HostCall::path_rename, {3, 0x1020, 2, 3, 0x1030, 9}},
                {HostCall::fd_readdir, {3, 0x8000, 4'000, 0, 0x800}},
                {HostCall::random_get, {0x9000, 3'000}},
                {HostCall::fd_close, {6}},
            };
            for (const Step& step : steps) {
                for (std::size_t i = 0; i < step.arguments.size(); ++i)
                    state->store(Guest::kArgs + 8 * i, step.arguments[i]);
                while (host_micro_step(*state, step.call, Guest::kArgs) == HostOutcome::again) {
                    if (!interrupted) continue;
                    auto copy = std::make_unique<SparseState>();
                    copy_pages(*state, *copy);
                    state = std::move(copy);
                }
            }
            while (exit_micro_step(*state) == HostOutcome::again) {
            }
            return state;
        };
        CHECK(same_pages(*play(false), *play(true)));
    }
}

}  // namespace millrace::vm::test
