"""The runs of a direction, for the overlap policy `linux`: engine/ORDER.md, "Runs", rule by rule.

The tree is the red-black tree of the textbook. Its shape is a part of the rules: which runs a segment meets on its way
down decides which one it joins.
"""

INFINITE = float("inf")  # the rank of a segment that lies within a run


class Run:
    def __init__(self, start, end):
        self.start, self.end = start, end
        self.parent = None
        self.child = [None, None]  # left, right
        self.red = True

    def side(self):
        """Which child of its parent it is."""
        return int(self.parent.child[1] is self)


def is_red(run):
    return run is not None and run.red


class Tree:
    def __init__(self):
        self.root = None

    def end(self, side):
        """The least run (side 0) or the greatest (side 1)."""
        run = self.root
        while run is not None and run.child[side] is not None:
            run = run.child[side]
        return run

    def following(self, run):
        if run.child[1] is not None:
            run = run.child[1]
            while run.child[0] is not None:
                run = run.child[0]
            return run
        while run.parent is not None and run.side() == 1:
            run = run.parent
        return run.parent

    def put(self, new, instead_of, parent):
        """Hangs `new` where `instead_of` hangs under `parent`."""
        if parent is None:
            self.root = new
        else:
            parent.child[int(parent.child[1] is instead_of)] = new
        if new is not None:
            new.parent = parent

    def rotate(self, run, side):
        """`run` goes down to `side`; its other child takes its place."""
        up = run.child[1 - side]
        run.child[1 - side] = up.child[side]
        if up.child[side] is not None:
            up.child[side].parent = run
        self.put(up, run, run.parent)
        up.child[side] = run
        run.parent = up

    def insert(self, new):
        parent, at = None, self.root
        while at is not None:
            parent, at = at, at.child[int(new.start > at.start)]
        new.parent, new.child, new.red = parent, [None, None], True
        if parent is None:
            self.root = new
        else:
            parent.child[int(new.start > parent.start)] = new
        while is_red(new.parent):
            parent, grandparent, side = new.parent, new.parent.parent, new.parent.side()
            uncle = grandparent.child[1 - side]
            if is_red(uncle):
                parent.red = uncle.red = False
                grandparent.red = True
                new = grandparent
                continue
            if new.side() != side:
                self.rotate(parent, side)
                new, parent = parent, new
            parent.red, grandparent.red = False, True
            self.rotate(grandparent, 1 - side)
        self.root.red = False

    def remove(self, run):
        if run.child[0] is not None and run.child[1] is not None:
            heir = self.following(run)
            was_red, orphan, parent = heir.red, heir.child[1], heir.parent
            if parent is run:
                parent = heir
            else:
                self.put(orphan, heir, parent)
                heir.child[1] = run.child[1]
                heir.child[1].parent = heir
            self.put(heir, run, run.parent)
            heir.child[0] = run.child[0]
            heir.child[0].parent = heir
            heir.red = run.red
        else:
            was_red, parent = run.red, run.parent
            orphan = run.child[0] if run.child[0] is not None else run.child[1]
            self.put(orphan, run, parent)
        if not was_red:
            self.one_black_short(orphan, parent)

    def one_black_short(self, run, parent):
        while run is not self.root and not is_red(run):
            side = int(parent.child[0] is not run)
            sibling = parent.child[1 - side]
            if sibling.red:
                sibling.red, parent.red = False, True
                self.rotate(parent, side)
                sibling = parent.child[1 - side]
            if not is_red(sibling.child[0]) and not is_red(sibling.child[1]):
                sibling.red = True
                run, parent = parent, parent.parent
                continue
            if not is_red(sibling.child[1 - side]):
                sibling.child[side].red, sibling.red = False, True
                self.rotate(sibling, 1 - side)
                sibling = parent.child[1 - side]
            sibling.red, parent.red = parent.red, False
            sibling.child[1 - side].red = False
            self.rotate(parent, side)
            run = self.root
        if run is not None:
            run.red = False


class Runs:
    def __init__(self):
        self.tree = Tree()

    def place(self, start, end):
        """The rank of a segment, as it came, that begins above the hole."""
        last = self.tree.end(1)
        if last is None or start > last.end:
            return self.become_a_run(start, end)
        if start == last.end:
            return self.join(last, end)
        run = self.tree.root
        while run is not None:
            if start < run.start:
                run = run.child[0]
                continue
            if start < run.end and end <= run.end:
                return INFINITE
            if start == run.start:
                run.end = end
                self.remove_covered(run)
                return run.start
            if start == run.end:
                return self.join(run, end)
            run = run.child[1]
        return self.become_a_run(start, end)

    @staticmethod
    def join(run, end):
        run.end = end
        return run.start

    def become_a_run(self, start, end):
        run = Run(start, end)
        self.tree.insert(run)
        self.remove_covered(run)
        return start

    def remove_covered(self, run):
        following = self.tree.following(run)
        while following is not None and following.end <= run.end:
            self.tree.remove(following)
            following = self.tree.following(run)

    def passed(self, position):
        """`next` is `position` now."""
        first = self.tree.end(0)
        while first is not None and first.start <= position:
            self.tree.remove(first)
            first = self.tree.end(0)

    def forget(self):
        self.tree = Tree()
