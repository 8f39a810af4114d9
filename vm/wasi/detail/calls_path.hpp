#pragma once

#include "vm/wasi/detail/calls_fd.hpp"

namespace millrace::vm::wasi {

/// Calls that take a path: phase by phase, so that each micro-step reads and writes few pages.
/// Once a path has been walked, progress_c and progress_d hold its leaf (for a rename: the source,
/// and e and f the target; in an open, e is the descriptor that it will get); a and b are then free
/// for the engines of `CallBase`. A micro-step looks up one name at most: the walk stops before the
/// last component, and a rename looks up its two names one after the other.
template <StateAccess A>
class PathCalls : public CallBase<A> {
    using Base = CallBase<A>;
    using Base::descriptors_;
    using Base::host_;
    using Base::trees_;
    using Walk = PathWalk<A>;

    enum Phase : std::uint64_t {
        start = 0,
        walking = 1,
        arrived = 2,
        walking_target = 3,
        checking_ancestors = 4,
        measuring = 5,
        arrived_both = 6,
        making_room = 7,
        closing_gap = 8,
        entering = 9,
        truncating = 10,
        reaping = 11,
        opening = 12,
        settling = 13,
        source_found = 14,
    };

  public:
    using Base::Base;

    HostOutcome create_directory() {
        if (host_.phase() == arrived) return create_directory_arrived();
        if (host_.phase() > arrived) return creating();
        return walk(0, PathArgument{host_.arg(1), host_.arg32(2)}, rights::path_create_directory);
    }

    HostOutcome filestat_get() {
        const PathArgument path{host_.arg(2), host_.arg32(3)};
        if (host_.phase() != arrived) return walk(0, path, rights::path_filestat_get);
        Node node;
        if (const Errno e = find(path, node); e != Errno::success) return host_.done(e);
        const std::uint64_t out = host_.arg(4);
        if (!host_.in_memory(out, kFilestatSize)) return host_.done(Errno::fault);
        FdCalls<A>(host_).write_filestat(out, node);
        return host_.done(Errno::success);
    }

    HostOutcome filestat_set_times() {
        const PathArgument path{host_.arg(2), host_.arg32(3)};
        if (host_.phase() != arrived) return walk(0, path, rights::path_filestat_set_times);
        Node node;
        if (const Errno e = find(path, node); e != Errno::success) return host_.done(e);
        return host_.done(
            FdCalls<A>(host_).set_times(node, host_.arg(4), host_.arg(5), host_.arg32(6)));
    }

    /// There are no symbolic links, so whatever is there is none.
    HostOutcome readlink() {
        const PathArgument path{host_.arg(1), host_.arg32(2)};
        if (host_.phase() != arrived) return walk(0, path, rights::path_readlink);
        Node node;
        const Errno e = find(path, node);
        return host_.done(e == Errno::success ? Errno::inval : e);
    }

    HostOutcome open() {
        const PathArgument path{host_.arg(2), host_.arg32(3)};
        switch (host_.phase()) {
            case start:
                if ((host_.arg32(4) & ~open_flags::known) != 0 ||
                    (host_.arg32(7) & ~fd_flags::known) != 0)
                    return host_.done(Errno::inval);
                [[fallthrough]];
            case walking:
                return walk(0, path, rights::path_open);
            case arrived:
                return open_arrived(path);
            case truncating: {
                RunningFs<A> fs = trees_.running(leaf().directory);
                if (!Base::zero_step(fs)) return host_.again(truncating);
                return host_.again(opening);
            }
            case opening:
                return finish_open(Node::running(leaf().directory.tree(), Base::subject()));
            default:
                return creating();
        }
    }

    HostOutcome unlink_file() {
        if (host_.phase() > arrived) return removing();
        const PathArgument path{host_.arg(1), host_.arg32(2)};
        if (host_.phase() != arrived) return walk(0, path, rights::path_unlink_file);
        Place place;
        if (const Errno e = find_removable(path, place); e != Errno::success) return host_.done(e);
        RunningFs<A> fs = trees_.running(leaf().directory);
        if (fs.kind(place.slot) == EntryKind::directory) return host_.done(Errno::isdir);
        if (leaf().slash) return host_.done(Errno::notdir);
        return remove(fs, place);
    }

    HostOutcome remove_directory() {
        if (host_.phase() > arrived) return removing();
        const PathArgument path{host_.arg(1), host_.arg32(2)};
        if (host_.phase() != arrived) return walk(0, path, rights::path_remove_directory);
        if (leaf().length == 0) return host_.done(Errno::inval);
        Place place;
        if (const Errno e = find_removable(path, place); e != Errno::success) return host_.done(e);
        RunningFs<A> fs = trees_.running(leaf().directory);
        if (fs.kind(place.slot) != EntryKind::directory) return host_.done(Errno::notdir);
        if (fs.child_count(place.slot) != 0) return host_.done(Errno::notempty);
        return remove(fs, place);
    }

    HostOutcome rename() {
        const PathArgument source{host_.arg(1), host_.arg32(2)};
        const PathArgument target{host_.arg(4), host_.arg32(5)};
        switch (host_.phase()) {
            case start:
            case walking:
                return walk(0, source, rights::path_rename_source);
            case arrived:
            case walking_target:
                return walk_target(target);
            case arrived_both:
                return find_source(source);
            case source_found:
                return find_target(target);
            case checking_ancestors:
                return check_ancestor();
            case measuring:
                return measure();
            case settling:
                return settle();
            case closing_gap:
                return rename_closing(target);
            case entering:
                return rename_entering();
            default: {
                RunningFs<A> fs = trees_.running(leaf().directory);
                return Base::reap_step(fs) ? host_.done(Errno::success) : host_.again(reaping);
            }
        }
    }

  private:
    // --- walking
    [[nodiscard]] Leaf leaf() {
        return Leaf::unpack(Node{host_.get(Register::progress_c)}, host_.get(Register::progress_d));
    }
    [[nodiscard]] Leaf target_leaf() {
        return Leaf::unpack(Node{host_.get(Register::progress_e)}, host_.get(Register::progress_f));
    }
    [[nodiscard]] Errno directory_of(unsigned fd_arg, std::uint64_t right, Node& out) {
        Descriptor d;
        if (const Errno e = Base::require(host_.arg(fd_arg), 0, d); e != Errno::success) return e;
        if (!Base::is_directory(d)) return Errno::notdir;
        if ((d.rights & right) != right) return Errno::notcapable;
        out = d.node;
        return Errno::success;
    }
    /// One micro-step of walking the path of the call; on arrival the next one is `arrived`.
    HostOutcome walk(unsigned fd_arg, PathArgument path, std::uint64_t right) {
        return walk_into(fd_arg, path, right, start, walking, arrived, Register::progress_c,
                         Register::progress_d);
    }
    HostOutcome walk_target(PathArgument path) {
        return walk_into(3, path, rights::path_rename_target, arrived, walking_target, arrived_both,
                         Register::progress_e, Register::progress_f);
    }
    HostOutcome walk_into(unsigned fd_arg, PathArgument path, std::uint64_t right, Phase before,
                          Phase during, Phase after, Register node_out, Register leaf_out) {
        Walk walk(host_, path);
        if (host_.phase() == before) {
            Node directory;
            if (const Errno e = directory_of(fd_arg, right, directory); e != Errno::success)
                return host_.done(e);
            if (const Errno e = walk.check(); e != Errno::success) return host_.done(e);
            host_.again(during);
            walk.begin(directory);
        }
        switch (walk.step()) {
            case Walk::Status::more:
                return host_.again(during);
            case Walk::Status::failed:
                return host_.done(walk.error());
            case Walk::Status::out_of_gas:
                return host_.out_of_gas();
            case Walk::Status::arrived:
                break;
        }
        host_.set(node_out, walk.leaf().directory.word);
        host_.set(leaf_out, walk.leaf().packed());
        host_.set(Register::progress_a, 0);
        host_.set(Register::progress_b, 0);
        return host_.again(after);
    }
    /// The existing file or directory that the walked path names.
    [[nodiscard]] Errno find(PathArgument path, Node& out) {
        const Leaf at = leaf();
        out = at.directory;
        if (at.length == 0) return Errno::success;
        Walk walk(host_, path);
        out = trees_.lookup(at.directory, walk.name(at));
        if (!out) return Errno::noent;
        if (at.slash && trees_.kind(out) != EntryKind::directory) return Errno::notdir;
        return Errno::success;
    }

    // --- creating
    [[nodiscard]] Errno creatable(const Leaf& at) {
        if (!trees_.writable(at.directory)) return Errno::rofs;
        RunningFs<A> fs = trees_.running(at.directory);
        const Slot parent = at.directory.slot();
        if (parent != kRootSlot && fs.unlinked(parent)) return Errno::noent;
        if (fs.depth(parent) + 1 > kDepthMax) return Errno::nametoolong;
        return fs.fits(0, 0, true) ? Errno::success : Errno::nospc;
    }
    HostOutcome create_directory_arrived() {
        const Leaf at = leaf();
        if (at.length == 0) return host_.done(Errno::exist);
        Walk walk(host_, PathArgument{host_.arg(1), host_.arg32(2)});
        const ByteView name = walk.name(at);
        const Located there = trees_.locate(at.directory, name);
        if (there.node) return host_.done(Errno::exist);
        return create(EntryKind::directory, at, name, there.index);
    }
    /// Makes a slot for a name that is not there, and begins to enter it at its place.
    HostOutcome create(EntryKind entry_kind, const Leaf& at, ByteView name, std::uint32_t index) {
        if (const Errno e = creatable(at); e != Errno::success) return host_.done(e);
        RunningFs<A> fs = trees_.running(at.directory);
        const Slot parent = at.directory.slot();
        if (!host_.charge_moved(fs.shift_bytes(parent, index))) return host_.out_of_gas();
        const Slot slot = fs.allocate(entry_kind, host_.now());
        fs.name_slot(slot, parent, name);
        begin_room(fs, parent, slot, index);
        return host_.again(making_room);
    }
    void begin_room(RunningFs<A>& fs, Slot parent, Slot slot, std::uint32_t index) {
        Base::set_subject(slot);
        host_.set(Register::progress_b, index);
        host_.set(Register::progress_g, 4 * std::uint64_t{fs.child_count(parent)});
    }
    /// One micro-step of entering the subject into `directory`; true when it is there.
    [[nodiscard]] bool enter_step(RunningFs<A>& fs, Slot directory) {
        const auto index = static_cast<std::uint32_t>(host_.get(Register::progress_b));
        const std::uint64_t cursor = fs.shift_up(directory, index, host_.get(Register::progress_g));
        host_.set(Register::progress_g, cursor);
        if (cursor > 4 * std::uint64_t{index}) return false;
        fs.set_child(directory, index, Base::subject());
        fs.add_child(directory, +1);
        fs.touch(directory, host_.now());
        return true;
    }
    HostOutcome creating() {
        RunningFs<A> fs = trees_.running(leaf().directory);
        if (!enter_step(fs, leaf().directory.slot())) return host_.again(making_room);
        return host_.call() == HostCall::path_open ? host_.again(opening)
                                                   : host_.done(Errno::success);
    }

    // --- opening
    /// Only the right to write says that somebody wants to. Others that change a file come along
    /// from libraries that ask for all they know: Go's asks for `fd_filestat_set_size` to read.
    [[nodiscard]] bool opens_for_writing() { return (host_.arg(5) & rights::fd_write) != 0; }
    HostOutcome open_arrived(PathArgument path) {
        const std::uint32_t flags = host_.arg32(4);
        const Leaf at = leaf();
        Walk walk(host_, path);
        Located there{at.directory, 0};
        ByteView name;
        if (at.length != 0) {
            name = walk.name(at);
            there = trees_.locate(at.directory, name);
        }
        const Node node = there.node;
        const Descriptor base = descriptors_.get(host_.arg(0));
        if (!node) return open_missing(at, base, name, there.index);
        if ((flags & open_flags::create) != 0 && (flags & open_flags::exclusive) != 0)
            return host_.done(Errno::exist);
        if (const Errno e = openable(node, at, base); e != Errno::success) return host_.done(e);
        if (const auto ended = reserve_descriptor(base)) return *ended;
        if ((flags & open_flags::truncate) == 0) return finish_open(node);

        RunningFs<A> fs = trees_.running(node);
        const std::uint64_t size = fs.size(node.slot());
        if (!host_.charge(Base::reap_gas(size))) return host_.out_of_gas();
        fs.resize(node.slot(), 0);
        fs.touch(node.slot(), host_.now());
        // The leaf's directory lies in the same tree, so it serves to find the file system again.
        Base::set_subject(node.slot());
        Base::begin_zero(node.slot(), 0, size);
        return host_.again(truncating);
    }
    [[nodiscard]] Errno openable(Node node, const Leaf& at, const Descriptor& base) {
        const std::uint32_t flags = host_.arg32(4);
        const bool truncates = (flags & open_flags::truncate) != 0;
        const bool wants_directory = (flags & open_flags::directory) != 0 || at.slash;
        if (trees_.kind(node) == EntryKind::directory) {
            const bool creates = (flags & open_flags::create) != 0;
            if (opens_for_writing() || truncates || (creates && !wants_directory))
                return Errno::isdir;
        } else {
            if (wants_directory) return Errno::notdir;
            if ((opens_for_writing() || truncates) && !trees_.writable(node)) return Errno::rofs;
            if (truncates && (base.rights & rights::path_filestat_set_size) == 0)
                return Errno::notcapable;
        }
        return Errno::success;
    }
    HostOutcome open_missing(const Leaf& at, const Descriptor& base, ByteView name,
                             std::uint32_t index) {
        const std::uint32_t flags = host_.arg32(4);
        if ((flags & open_flags::create) == 0) return host_.done(Errno::noent);
        if ((flags & open_flags::directory) != 0) return host_.done(Errno::inval);
        if (at.slash) return host_.done(Errno::isdir);
        if ((base.rights & rights::path_create_file) == 0) return host_.done(Errno::notcapable);
        if (const auto ended = reserve_descriptor(base)) return *ended;
        return create(EntryKind::file, at, name, index);
    }
    /// Everything that can refuse the descriptor itself, before the call has any effect: how it
    /// ends then. Otherwise progress_e is the number that the descriptor will have.
    [[nodiscard]] std::optional<HostOutcome> reserve_descriptor(const Descriptor& base) {
        // Reading and writing are asked for by name; other rights that cannot be had are dropped,
        // since libraries ask for all they know.
        constexpr std::uint64_t kAsked = rights::fd_read | rights::fd_write;
        if ((host_.arg(5) & kAsked & ~base.inheriting) != 0) return host_.done(Errno::notcapable);
        if (!host_.in_memory(host_.arg(8), 4)) return host_.done(Errno::fault);
        const auto fd = descriptors_.lowest_free();
        if (!fd) return host_.out_of_gas();
        if (*fd == kDescriptorsMax) return host_.done(Errno::mfile);
        host_.set(Register::progress_e, *fd);
        return std::nullopt;
    }
    HostOutcome finish_open(Node node) {
        const Descriptor base = descriptors_.get(host_.arg(0));
        const bool directory = trees_.kind(node) == EntryKind::directory;
        Descriptor d;
        d.kind = DescriptorKind::node;
        d.flags = static_cast<std::uint16_t>(host_.arg32(7));
        d.rights =
            host_.arg(5) & base.inheriting & (directory ? rights::directory_all : rights::file_all);
        d.inheriting = host_.arg(6) & base.inheriting;
        d.node = node;
        // A state under dispute may hold any number.
        const std::uint64_t fd = host_.get(Register::progress_e) % kDescriptorsMax;
        descriptors_.put(fd, d);
        if (!node.is_input() && node.slot() != kRootSlot)
            trees_.running(node).add_open(node.slot(), +1);
        host_.store_memory(host_.arg(8), static_cast<std::uint32_t>(fd));
        return host_.done(Errno::success);
    }

    // --- removing
    /// The entry that a call wants to remove, in a tree that lets it.
    [[nodiscard]] Errno find_removable(PathArgument path, Place& out) {
        const Leaf at = leaf();
        if (at.length == 0) return Errno::isdir;
        Walk walk(host_, path);
        const ByteView name = walk.name(at);
        if (trees_.mount(at.directory, name)) return Errno::busy;
        if (!trees_.writable(at.directory))
            return trees_.lookup(at.directory, name) ? Errno::rofs : Errno::noent;
        out = trees_.running(at.directory).lookup(at.directory.slot(), name);
        return out.slot == 0 ? Errno::noent : Errno::success;
    }
    HostOutcome remove(RunningFs<A>& fs, const Place& place) {
        const Slot directory = leaf().directory.slot();
        if (!host_.charge(moved_gas(fs.shift_bytes(directory, place.index), kGasCopy) +
                          Base::reap_gas(fs.size(place.slot))))
            return host_.out_of_gas();
        fs.mark_unlinked(place.slot);
        Base::set_subject(place.slot);
        host_.set(Register::progress_b, place.index);
        begin_gap(fs, directory, place.index);
        return host_.again(closing_gap);
    }
    void begin_gap(RunningFs<A>& fs, Slot directory, std::uint32_t index) {
        host_.set(Register::progress_g, 4 * (std::uint64_t{index} + 1));
        host_.set(Register::progress_h, 4 * std::uint64_t{fs.child_count(directory)});
    }
    /// One micro-step of taking an entry out of `directory`; true when it is gone.
    [[nodiscard]] bool leave_step(RunningFs<A>& fs, Slot directory) {
        const std::uint64_t end = host_.get(Register::progress_h);
        const std::uint64_t cursor = fs.shift_down(directory, host_.get(Register::progress_g), end);
        host_.set(Register::progress_g, cursor);
        if (cursor < end) return false;
        fs.set_child(directory, static_cast<std::uint32_t>(end / 4 - 1), 0);
        fs.add_child(directory, -1);
        fs.touch(directory, host_.now());
        return true;
    }
    HostOutcome removing() {
        RunningFs<A> fs = trees_.running(leaf().directory);
        if (host_.phase() == reaping)
            return Base::reap_step(fs) ? host_.done(Errno::success) : host_.again(reaping);
        if (!leave_step(fs, leaf().directory.slot())) return host_.again(closing_gap);
        if (!Base::begin_reap(fs, Base::subject())) return host_.done(Errno::success);
        return host_.again(reaping);
    }

    // --- renaming: the low half of progress_b is the moved entry's index in its directory, the
    // high half the place of the new name among the target's entries; progress_a is the moved slot
    // and the one that it replaces.
    [[nodiscard]] std::uint32_t source_index() {
        return static_cast<std::uint32_t>(host_.get(Register::progress_b));
    }
    [[nodiscard]] std::uint32_t target_index() {
        return static_cast<std::uint32_t>(host_.get(Register::progress_b) >> 32);
    }
    /// The first of two micro-steps that look up: what is to be moved.
    HostOutcome find_source(PathArgument source) {
        if (leaf().length == 0 || target_leaf().length == 0) return host_.done(Errno::busy);
        Place place;
        if (const Errno e = find_removable(source, place); e != Errno::success)
            return host_.done(e);
        Base::set_subject(place.slot);
        host_.set(Register::progress_b, place.index);
        return host_.again(source_found);
    }
    /// The second: what is there under the new name, and whether all this may be.
    HostOutcome find_target(PathArgument target) {
        const Leaf to = target_leaf();
        Walk walk(host_, target);
        const ByteView name = walk.name(to);
        if (trees_.mount(to.directory, name)) return host_.done(Errno::busy);
        if (!trees_.writable(to.directory)) return host_.done(Errno::rofs);
        if (leaf().directory.tree() != to.directory.tree()) return host_.done(Errno::xdev);
        RunningFs<A> fs = trees_.running(to.directory);
        const Place place = fs.lookup(to.directory.slot(), name);
        if (place.slot == Base::subject()) return host_.done(Errno::success);
        if (const Errno e = renamable(fs, place.slot); e != Errno::success) return host_.done(e);
        host_.set(Register::progress_a, Base::subject() | (std::uint64_t{place.slot} << 32));
        host_.set(Register::progress_b, source_index() | (std::uint64_t{place.index} << 32));
        if (fs.kind(Base::subject()) != EntryKind::directory) return commit_rename(fs);
        host_.set(Register::progress_g, to.directory.slot());
        return host_.again(checking_ancestors);
    }
    [[nodiscard]] Errno renamable(RunningFs<A>& fs, Slot replaced) {
        const bool directory = fs.kind(Base::subject()) == EntryKind::directory;
        if (!directory && (leaf().slash || target_leaf().slash)) return Errno::notdir;
        if (replaced != 0) {
            const bool there = fs.kind(replaced) == EntryKind::directory;
            if (directory && !there) return Errno::notdir;
            if (!directory && there) return Errno::isdir;
            return there && fs.child_count(replaced) != 0 ? Errno::notempty : Errno::success;
        }
        const Slot parent = target_leaf().directory.slot();
        if (parent != kRootSlot && fs.unlinked(parent)) return Errno::noent;
        return fs.depth(parent) + 1 > kDepthMax ? Errno::nametoolong : Errno::success;
    }
    /// A directory must not move into itself: one step up from the target a micro-step. Afterwards,
    /// when it moves deeper, what lies below it is measured.
    HostOutcome check_ancestor() {
        if (!host_.charge(kGasDirectoryEntry)) return host_.out_of_gas();
        RunningFs<A> fs = trees_.running(leaf().directory);
        const auto at = static_cast<Slot>(host_.get(Register::progress_g));
        if (at == Base::subject()) return host_.done(Errno::inval);
        if (at != kRootSlot) {
            host_.set(Register::progress_g, fs.parent(at));
            return host_.again(checking_ancestors);
        }
        host_.set(Register::progress_g, 0);
        if (target_depth(fs) == fs.depth(Base::subject())) return commit_rename(fs);
        begin_visit();
        return host_.again(measuring);
    }
    [[nodiscard]] unsigned target_depth(RunningFs<A>& fs) {
        return fs.depth(target_leaf().directory.slot()) + 1;
    }

    // A directory that moves to another depth takes the depth of all below it along. They are
    // visited twice, depth first and one a micro-step: once to see that none gets too deep and to
    // pay for both visits, then to set their depths. progress_g is the directory visited, h the
    // index of its next entry; the way back finds its index by name.
    void begin_visit() {
        host_.set(Register::progress_g, Base::subject());
        host_.set(Register::progress_h, 0);
    }
    /// The next entry below the subject, or 0 when this micro-step only climbed back; `finished`
    /// when all have been seen.
    [[nodiscard]] Slot visit(RunningFs<A>& fs, bool& finished) {
        const auto directory = static_cast<Slot>(host_.get(Register::progress_g));
        const auto index = static_cast<std::uint32_t>(host_.get(Register::progress_h));
        finished = false;
        if (index < fs.child_count(directory)) {
            const Slot child = fs.child(directory, index);
            const bool descends = fs.kind(child) == EntryKind::directory;
            host_.set(Register::progress_g, descends ? child : directory);
            host_.set(Register::progress_h, descends ? 0 : std::uint64_t{index} + 1);
            return child;
        }
        if (directory == Base::subject()) {
            finished = true;
            return 0;
        }
        const Slot parent = fs.parent(directory);
        typename Trees<A>::NameBuffer buffer{};
        const Place place = fs.lookup(parent, fs.name(directory, buffer));
        host_.set(Register::progress_g, parent);
        host_.set(Register::progress_h, std::uint64_t{place.index} + 1);
        return 0;
    }
    [[nodiscard]] unsigned moved_depth(RunningFs<A>& fs, Slot slot) {
        return target_depth(fs) + fs.depth(slot) - fs.depth(Base::subject());
    }
    /// Gas of one micro-step of a visit: climbing back looks up a name.
    [[nodiscard]] std::uint64_t visit_gas(RunningFs<A>& fs) {
        const auto directory = static_cast<Slot>(host_.get(Register::progress_g));
        const bool climbs = host_.get(Register::progress_h) >= fs.child_count(directory) &&
                            directory != Base::subject();
        return kGasDirectoryEntry + (climbs ? search_gas(fs.child_count(fs.parent(directory))) : 0);
    }
    HostOutcome measure() {
        RunningFs<A> fs = trees_.running(leaf().directory);
        if (!host_.charge(2 * visit_gas(fs))) return host_.out_of_gas();
        bool finished = false;
        const Slot slot = visit(fs, finished);
        if (finished) return commit_rename(fs);
        if (slot != 0 && moved_depth(fs, slot) > kDepthMax) return host_.done(Errno::nametoolong);
        return host_.again(measuring);
    }
    HostOutcome settle() {
        RunningFs<A> fs = trees_.running(leaf().directory);
        bool finished = false;
        const Slot slot = visit(fs, finished);
        if (slot != 0) fs.set_depth(slot, moved_depth(fs, slot));
        if (!finished) return host_.again(settling);
        begin_gap(fs, leaf().directory.slot(), source_index());
        return host_.again(closing_gap);
    }

    /// Everything has been checked: pay for what is left, then begin to move.
    HostOutcome commit_rename(RunningFs<A>& fs) {
        const Slot from = leaf().directory.slot();
        const Slot to = target_leaf().directory.slot();
        const std::uint64_t bytes =
            fs.shift_bytes(from, source_index()) + fs.shift_bytes(to, target_index());
        const Slot replaced = Base::reaped();
        const std::uint64_t reaps = replaced == 0 ? 0 : Base::reap_gas(fs.size(replaced));
        if (!host_.charge(moved_gas(bytes, kGasCopy) + reaps)) return host_.out_of_gas();
        const bool sinks = fs.kind(Base::subject()) == EntryKind::directory &&
                           target_depth(fs) != fs.depth(Base::subject());
        if (sinks) {
            begin_visit();
            return host_.again(settling);
        }
        begin_gap(fs, from, source_index());
        return host_.again(closing_gap);
    }
    /// Takes the entry out of its old directory; then it gets its new name and place.
    HostOutcome rename_closing(PathArgument target) {
        RunningFs<A> fs = trees_.running(leaf().directory);
        const Slot source = leaf().directory.slot();
        if (!leave_step(fs, source)) return host_.again(closing_gap);
        const Leaf to = target_leaf();
        const Slot directory = to.directory.slot();
        Walk walk(host_, target);
        // Within one directory, what came after the entry has moved up by one.
        const bool shifted = directory == source && source_index() < target_index();
        const std::uint32_t index = target_index() - (shifted ? 1 : 0);
        const Slot replaced = Base::reaped();
        fs.name_slot(Base::subject(), directory, walk.name(to));
        if (replaced == 0) {
            begin_room(fs, directory, Base::subject(), index);
            return host_.again(entering);
        }
        // The names are the same, so the place in the index is too.
        fs.set_child(directory, index, Base::subject());
        fs.touch(directory, host_.now());
        fs.mark_unlinked(replaced);
        return Base::begin_reap(fs, replaced) ? host_.again(reaping) : host_.done(Errno::success);
    }
    HostOutcome rename_entering() {
        RunningFs<A> fs = trees_.running(leaf().directory);
        if (!enter_step(fs, target_leaf().directory.slot())) return host_.again(entering);
        return host_.done(Errno::success);
    }
};

}  // namespace millrace::vm::wasi
