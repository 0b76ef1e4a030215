; A forest of decision trees over flat arrays: rows of float64 come in, one answer a row goes out.
;
; `forest_kernel.py` compiles this text once in each process; no model brings code of its own, only numbers. Each row is computed by
; itself and in the order of the trees, in float32 as XGBoost does, so that it gets the same bits alone, among others, and from XGBoost.
; Nothing here checks a bound: `Forest` does, when a model is loaded.

; threshold, column (its two top bits: a category; what is missing goes right), left child (the right one is next to it), leaf value.
; A leaf is its own left child and its threshold is NaN, which no value reaches, so that further steps stay on it.
; Of a category the threshold's bits are the offset of its set in @sets, and the leaf's bits say how many words that has.
%node = type { float, i32, i32, float }
; root, depth, and the output that its leaves are added to
%tree = type { i32, i32, i32 }
; nodes, sets, trees, base values; how many trees, columns, outputs; whether any node is a category; whether outputs become shares;
; and of `Blocks`: places, thresholds, columns, leaves
%forest = type { ptr, ptr, ptr, ptr, i64, i64, i64, i64, i64, ptr, ptr, ptr, ptr }

declare double @exp(double)

; 1 where the set holds the code. Without a branch: which way a category goes is as good as random to the processor.
define internal i32 @is_in_set(ptr %sets, i32 %offset, i32 %words, float %value) alwaysinline {
  %size = shl i32 %words, 5
  %limit = uitofp i32 %size to float
  %from = fcmp oge float %value, 0.0
  %to = fcmp olt float %value, %limit
  %fits = and i1 %from, %to
  %safe = select i1 %fits, float %value, float 0.0
  %code = fptoui float %safe to i32
  %step = lshr i32 %code, 5
  %place = add i32 %offset, %step
  %place.64 = zext i32 %place to i64
  %word.at = getelementptr i32, ptr %sets, i64 %place.64
  %word = load i32, ptr %word.at
  %bit = and i32 %code, 31
  %shifted = lshr i32 %word, %bit
  %held = and i32 %shifted, 1
  %answer = select i1 %fits, i32 %held, i32 0
  ret i32 %answer
}

; The leaf of one tree that a row comes to, after exactly `depth` steps.
define internal float @leaf_of(ptr %nodes, ptr %sets, i32 %root, i32 %depth, ptr %row, i1 %mixed) alwaysinline {
entry:
  br label %look
look:
  %index = phi i32 [ %root, %entry ], [ %child, %step ]
  %steps = phi i32 [ %depth, %entry ], [ %fewer, %step ]
  %index.64 = zext i32 %index to i64
  %node = getelementptr %node, ptr %nodes, i64 %index.64
  %leaf.at = getelementptr %node, ptr %node, i64 0, i32 3
  %there = icmp eq i32 %steps, 0
  br i1 %there, label %arrived, label %compare
compare:
  %column.at = getelementptr %node, ptr %node, i64 0, i32 1
  %left.at = getelementptr %node, ptr %node, i64 0, i32 2
  %threshold = load float, ptr %node
  %flagged = load i32, ptr %column.at
  %left = load i32, ptr %left.at
  %column = and i32 %flagged, 1073741823
  %column.64 = zext i32 %column to i64
  %cell.at = getelementptr double, ptr %row, i64 %column.64
  %cell = load double, ptr %cell.at
  %value = fptrunc double %cell to float
  %reaches = fcmp oge float %value, %threshold
  %by.number = zext i1 %reaches to i32
  br i1 %mixed, label %category, label %step
category:
  ; A branch, unlike what follows: most splits are by number, and what a category needs would cost them half of their time.
  %is.category = icmp slt i32 %flagged, 0
  br i1 %is.category, label %search, label %step
search:
  %offset = bitcast float %threshold to i32
  %words = load i32, ptr %leaf.at
  %by.set = call i32 @is_in_set(ptr %sets, i32 %offset, i32 %words, float %value)
  br label %step
step:
  %known = phi i32 [ %by.number, %compare ], [ %by.number, %category ], [ %by.set, %search ]
  %flags = lshr i32 %flagged, 30
  %if.missing = and i32 %flags, 1
  %missing = fcmp uno float %value, 0.0
  %right = select i1 %missing, i32 %if.missing, i32 %known
  %child = add i32 %left, %right
  %fewer = sub i32 %steps, 1
  br label %look
arrived:
  %leaf = load float, ptr %leaf.at
  ret float %leaf
}

; Rows (n, columns) of float64 as columns of 64 rows of float32, twice: with what is missing as the smallest number, then as the largest.
; Squares of 8 first, the last of them over columns that were turned already; what is left, row by row.
define internal void @turn(ptr %rows, i64 %n, i64 %width, ptr %turned) noinline "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %cells = mul i64 %width, 64
  %is.wide = icmp uge i64 %width, 8
  %eights = and i64 %n, -8
  %squared = select i1 %is.wide, i64 %eights, i64 0
  %last = sub i64 %width, 8
  br label %band
band:
  %b = phi i64 [ 0, %entry ], [ %b.next, %band.done ]
  %b.more = icmp ult i64 %b, %squared
  br i1 %b.more, label %band.open, label %row
band.open:
  %band.start = mul i64 %b, %width
  %b.next = add i64 %b, 8
  br label %square
square:
  %s = phi i64 [ 0, %band.open ], [ %s.next, %square ]
  %is.last = icmp uge i64 %s, %last
  %place = select i1 %is.last, i64 %last, i64 %s
  %square.from = add i64 %band.start, %place
  %square.at = getelementptr double, ptr %rows, i64 %square.from
  %square.column = mul i64 %place, 64
  %square.to = add i64 %square.column, %b
  %square.turned = getelementptr float, ptr %turned, i64 %square.to
  call void @turn_square(ptr %square.at, i64 %width, ptr %square.turned, i64 %cells)
  %s.next = add i64 %s, 8
  br i1 %is.last, label %band.done, label %square
band.done:
  br label %band
row:
  %r = phi i64 [ %squared, %band ], [ %r.next, %row.done ]
  %r.more = icmp ult i64 %r, %n
  br i1 %r.more, label %row.open, label %done
row.open:
  %row.start = mul i64 %r, %width
  br label %cell
cell:
  %c = phi i64 [ 0, %row.open ], [ %c.next, %cell ]
  %from = add i64 %row.start, %c
  %from.at = getelementptr double, ptr %rows, i64 %from
  %wide = load double, ptr %from.at
  %value = fptrunc double %wide to float
  %missing = fcmp uno float %value, 0.0
  %smallest = select i1 %missing, float 0xFFF0000000000000, float %value
  %largest = select i1 %missing, float 0x7FF0000000000000, float %value
  %column = mul i64 %c, 64
  %left = add i64 %column, %r
  %right = add i64 %left, %cells
  %left.at = getelementptr float, ptr %turned, i64 %left
  %right.at = getelementptr float, ptr %turned, i64 %right
  store float %smallest, ptr %left.at
  store float %largest, ptr %right.at
  %c.next = add i64 %c, 1
  %c.more = icmp ult i64 %c.next, %width
  br i1 %c.more, label %cell, label %row.done, !llvm.loop !0
row.done:
  %r.next = add i64 %r, 1
  br label %row
done:
  ret void
}

; Adds the leaves of all trees to the sums (outputs, 64) of at most 64 rows: tree by tree, so that a tree stays in the nearest cache. Where there is room
; for `turned` rows, a tree that has a table takes many rows at once.
define internal void @add_leaves(%forest %forest, ptr %rows, i64 %n, ptr %sums, ptr %turned, i1 %mixed) alwaysinline {
entry:
  %nodes = extractvalue %forest %forest, 0
  %sets = extractvalue %forest %forest, 1
  %trees = extractvalue %forest %forest, 2
  %count = extractvalue %forest %forest, 4
  %width = extractvalue %forest %forest, 5
  %places = extractvalue %forest %forest, 9
  %thresholds = extractvalue %forest %forest, 10
  %columns = extractvalue %forest %forest, 11
  %leaves = extractvalue %forest %forest, 12
  %is.many = icmp ne ptr %turned, null
  br i1 %is.many, label %many, label %tree
many:
  call void @turn(ptr %rows, i64 %n, i64 %width, ptr %turned)
  br label %tree
tree:
  %t = phi i64 [ 0, %entry ], [ 0, %many ], [ %t.next, %tree.done ]
  %t.more = icmp ult i64 %t, %count
  br i1 %t.more, label %tree.open, label %done
tree.open:
  %tree.at = getelementptr %tree, ptr %trees, i64 %t
  %entry.of = load %tree, ptr %tree.at
  %root = extractvalue %tree %entry.of, 0
  %depth = extractvalue %tree %entry.of, 1
  %output = extractvalue %tree %entry.of, 2
  %output.64 = zext i32 %output to i64
  %sums.start = mul i64 %output.64, 64
  %sums.at = getelementptr float, ptr %sums, i64 %sums.start
  br i1 %is.many, label %ask, label %row
ask:
  %place.at = getelementptr i32, ptr %places, i64 %t
  %place = load i32, ptr %place.at
  %has.table = icmp sge i32 %place, 0
  br i1 %has.table, label %at.once, label %row
at.once:
  %place.64 = zext i32 %place to i64
  %table = mul i64 %place.64, 64
  %thresholds.at = getelementptr float, ptr %thresholds, i64 %table
  %columns.at = getelementptr i32, ptr %columns, i64 %table
  %leaves.at = getelementptr float, ptr %leaves, i64 %table
  br label %part
part:
  %first = phi i64 [ 0, %at.once ], [ %first.next, %part ]
  %turned.at = getelementptr float, ptr %turned, i64 %first
  %part.at = getelementptr float, ptr %sums.at, i64 %first
  call void @add_at_once(ptr %thresholds.at, ptr %columns.at, ptr %leaves.at, ptr %turned.at, ptr %part.at)
  %lanes = call i64 @lanes()
  %first.next = add i64 %first, %lanes
  %part.more = icmp ult i64 %first.next, %n
  br i1 %part.more, label %part, label %tree.done
row:
  %r = phi i64 [ 0, %tree.open ], [ 0, %ask ], [ %r.next, %row ]
  %row.start = mul i64 %r, %width
  %row.at = getelementptr double, ptr %rows, i64 %row.start
  %leaf = call float @leaf_of(ptr %nodes, ptr %sets, i32 %root, i32 %depth, ptr %row.at, i1 %mixed)
  %sum.at = getelementptr float, ptr %sums.at, i64 %r
  %sum = load float, ptr %sum.at
  %sum.new = fadd float %sum, %leaf
  store float %sum.new, ptr %sum.at
  %r.next = add i64 %r, 1
  %r.more = icmp ult i64 %r.next, %n
  br i1 %r.more, label %row, label %tree.done
tree.done:
  %t.next = add i64 %t, 1
  br label %tree
done:
  ret void
}

; The sums of one row, one in 64 numbers, as they are.
define internal void @copy(ptr %sums, i64 %outputs, ptr %out) alwaysinline {
entry:
  br label %next
next:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %i.far = mul i64 %i, 64
  %sum.at = getelementptr float, ptr %sums, i64 %i.far
  %sum = load float, ptr %sum.at
  %wide = fpext float %sum to double
  %out.at = getelementptr double, ptr %out, i64 %i
  store double %wide, ptr %out.at
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %outputs
  br i1 %more, label %next, label %done
done:
  ret void
}

; The sums of one row as shares that add up to 1: exp(sum - largest) over the sum of these.
define internal void @share(ptr %sums, i64 %outputs, ptr %out) alwaysinline {
entry:
  %first = load float, ptr %sums
  br label %largest
largest:
  %i = phi i64 [ 0, %entry ], [ %i.next, %largest ]
  %most = phi float [ %first, %entry ], [ %most.next, %largest ]
  %i.far = mul i64 %i, 64
  %sum.at = getelementptr float, ptr %sums, i64 %i.far
  %sum = load float, ptr %sum.at
  %more = fcmp ogt float %sum, %most
  %most.next = select i1 %more, float %sum, float %most
  %i.next = add i64 %i, 1
  %i.more = icmp ult i64 %i.next, %outputs
  br i1 %i.more, label %largest, label %raise
raise:
  %most.wide = fpext float %most.next to double
  br label %power
power:
  %j = phi i64 [ 0, %raise ], [ %j.next, %power ]
  %total = phi double [ 0.0, %raise ], [ %total.next, %power ]
  %j.far = mul i64 %j, 64
  %score.at = getelementptr float, ptr %sums, i64 %j.far
  %score = load float, ptr %score.at
  %score.wide = fpext float %score to double
  %below = fsub double %score.wide, %most.wide
  %raised = call double @exp(double %below)
  %power.at = getelementptr double, ptr %out, i64 %j
  store double %raised, ptr %power.at
  %total.next = fadd double %total, %raised
  %j.next = add i64 %j, 1
  %j.more = icmp ult i64 %j.next, %outputs
  br i1 %j.more, label %power, label %divide
divide:
  %k = phi i64 [ 0, %power ], [ %k.next, %divide ]
  %part.at = getelementptr double, ptr %out, i64 %k
  %part = load double, ptr %part.at
  %divided = fdiv double %part, %total.next
  store double %divided, ptr %part.at
  %k.next = add i64 %k, 1
  %k.more = icmp ult i64 %k.next, %outputs
  br i1 %k.more, label %divide, label %done
done:
  ret void
}

; Answers of `n` rows (n, columns), row by row in memory, to `out` (n, outputs). `turned` is room for 64 rows of float32, twice, or null.
define void @predict(ptr %forest.at, ptr %rows, i64 %n, ptr %out, ptr %turned) {
entry:
  %forest = load %forest, ptr %forest.at
  %base = extractvalue %forest %forest, 3
  %width = extractvalue %forest %forest, 5
  %outputs = extractvalue %forest %forest, 6
  %mixed.64 = extractvalue %forest %forest, 7
  %shares.64 = extractvalue %forest %forest, 8
  %mixed = icmp ne i64 %mixed.64, 0
  %shares = icmp ne i64 %shares.64, 0
  %cells = mul i64 %outputs, 64
  %sums = alloca float, i64 %cells
  br label %block
block:
  %begin = phi i64 [ 0, %entry ], [ %end, %block.done ]
  %more = icmp ult i64 %begin, %n
  br i1 %more, label %block.open, label %done
block.open:
  %full = add i64 %begin, 64
  %is.full = icmp ult i64 %full, %n
  %end = select i1 %is.full, i64 %full, i64 %n
  %size = sub i64 %end, %begin
  %block.start = mul i64 %begin, %width
  %block.at = getelementptr double, ptr %rows, i64 %block.start
  br label %reset
reset:
  %o = phi i64 [ 0, %block.open ], [ %o.next, %reset ]
  %base.at = getelementptr float, ptr %base, i64 %o
  %base.one = load float, ptr %base.at
  %base.first = insertelement <64 x float> poison, float %base.one, i64 0
  %base.all = shufflevector <64 x float> %base.first, <64 x float> poison, <64 x i32> zeroinitializer
  %reset.start = mul i64 %o, 64
  %reset.at = getelementptr float, ptr %sums, i64 %reset.start
  store <64 x float> %base.all, ptr %reset.at, align 4
  %o.next = add i64 %o, 1
  %o.more = icmp ult i64 %o.next, %outputs
  br i1 %o.more, label %reset, label %add
add:
  br i1 %mixed, label %add.mixed, label %add.numbers
add.mixed:
  call void @add_leaves(%forest %forest, ptr %block.at, i64 %size, ptr %sums, ptr %turned, i1 true)
  br label %answer
add.numbers:
  call void @add_leaves(%forest %forest, ptr %block.at, i64 %size, ptr %sums, ptr %turned, i1 false)
  br label %answer
answer:
  %a = phi i64 [ 0, %add.mixed ], [ 0, %add.numbers ], [ %a.next, %answer.done ]
  %a.at = getelementptr float, ptr %sums, i64 %a
  %place = add i64 %begin, %a
  %out.start = mul i64 %place, %outputs
  %out.at = getelementptr double, ptr %out, i64 %out.start
  br i1 %shares, label %answer.shares, label %answer.sums
answer.shares:
  call void @share(ptr %a.at, i64 %outputs, ptr %out.at)
  br label %answer.done
answer.sums:
  call void @copy(ptr %a.at, i64 %outputs, ptr %out.at)
  br label %answer.done
answer.done:
  %a.next = add i64 %a, 1
  %a.more = icmp ult i64 %a.next, %size
  br i1 %a.more, label %answer, label %block.done
block.done:
  br label %block
done:
  ret void
}

; Left to itself LLVM turns several cells at once, which scatters them one by one and is slower.
!0 = distinct !{ !0, !1 }
!1 = !{ !"llvm.loop.vectorize.enable", i1 false }
