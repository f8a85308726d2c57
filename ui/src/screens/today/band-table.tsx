import type { Band } from '../../bindings';
import { clock } from '../../format';
import { s } from '../../strings';

/** The bands of the timeline, for those who do not see it. */
export function BandTable({ bands }: { bands: Band[] }) {
  return (
    <div class="hidden-visually">
      <table>
        <caption>{s.today.bandTable}</caption>
        <thead>
          <tr>
            <th scope="col">{s.today.kind}</th>
            <th scope="col">{s.today.from}</th>
            <th scope="col">{s.today.to}</th>
          </tr>
        </thead>
        <tbody>
          {bands.map((band) => (
            <tr key={`${band.kind}${band.start}`}>
              <th scope="row">{s.today.bands[band.kind]}</th>
              <td>{clock(band.start)}</td>
              <td>{clock(band.end)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
