//! What can be seen of windows that lie on one another.

use super::Area;

/// What lies above, as one goes through windows from the uppermost down.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    covering: Vec<Area>,
}

impl Coverage {
    /// What of `area` is not covered yet.
    pub(crate) fn seen(&self, area: Area) -> Vec<Area> {
        self.covering.iter().fold(vec![area], |areas, cover| {
            areas.into_iter().flat_map(|area| without(area, *cover)).collect()
        })
    }

    /// Nothing can be seen through `area`.
    pub(crate) fn cover(&mut self, area: Area) {
        self.covering.push(area);
    }
}

/// What of `area` lies outside `cover`, as up to four areas.
fn without(area: Area, cover: Area) -> Vec<Area> {
    let edges = |area: Area| {
        let [left, top] = [area.x, area.y].map(i64::from);
        [left, top, left + i64::from(area.width), top + i64::from(area.height)]
    };
    let [left, top, right, bottom] = edges(area);
    let [cover_left, cover_top, cover_right, cover_bottom] = edges(cover);
    let (inner_top, inner_bottom) = (cover_top.clamp(top, bottom), cover_bottom.clamp(top, bottom));
    let (inner_left, inner_right) = (cover_left.clamp(left, right), cover_right.clamp(left, right));
    if inner_top >= inner_bottom || inner_left >= inner_right {
        return vec![area];
    }
    [
        [left, top, right, inner_top],
        [left, inner_top, inner_left, inner_bottom],
        [inner_right, inner_top, right, inner_bottom],
        [left, inner_bottom, right, bottom],
    ]
    .into_iter()
    .filter(|[left, top, right, bottom]| left < right && top < bottom)
    .filter_map(|[left, top, right, bottom]| {
        Some(Area {
            x: i32::try_from(left).ok()?,
            y: i32::try_from(top).ok()?,
            width: u32::try_from(right - left).ok()?,
            height: u32::try_from(bottom - top).ok()?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn area(x: i32, y: i32, width: u32, height: u32) -> Area {
        Area { x, y, width, height }
    }

    fn pixels(areas: &[Area]) -> u32 {
        areas.iter().map(|area| area.width * area.height).sum()
    }

    #[test]
    fn what_is_covered_is_left_out_and_nothing_else() {
        let window = area(10, 10, 100, 80);
        assert_eq!(without(window, area(0, 0, 200, 200)), []);
        assert_eq!(without(window, area(110, 10, 50, 50)), [window]);
        let hole = without(window, area(20, 20, 10, 10));
        assert_eq!((hole.len(), pixels(&hole)), (4, 100 * 80 - 100));
        let corner = without(window, area(-50, -50, 70, 70));
        assert_eq!(pixels(&corner), 100 * 80 - 100);
        assert!(corner.iter().all(|part| without(*part, area(-50, -50, 70, 70)) == [*part]));
    }
}
